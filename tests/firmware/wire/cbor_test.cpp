#include "firmware/wire/cbor.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "firmware/wire/utf8.hpp"

namespace tinsmith::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class F>
Bytes write(F f) {
    Bytes out(64);
    Writer writer(out);
    f(writer);
    out.resize(writer.size());
    return out;
}

// The examples of RFC 8949, appendix A.
TEST(Cbor, WritesTheExamplesOfTheStandard) {
    const auto number = [](std::uint64_t n) { return write([n](Writer& w) { w.number(n); }); };
    EXPECT_EQ(number(0), (Bytes{0x00}));
    EXPECT_EQ(number(23), (Bytes{0x17}));
    EXPECT_EQ(number(24), (Bytes{0x18, 0x18}));
    EXPECT_EQ(number(1000), (Bytes{0x19, 0x03, 0xe8}));
    EXPECT_EQ(number(1000000), (Bytes{0x1a, 0x00, 0x0f, 0x42, 0x40}));
    EXPECT_EQ(number(18446744073709551615u),
              (Bytes{0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
    EXPECT_EQ(write([](Writer& w) { w.text("IETF"); }), (Bytes{0x64, 0x49, 0x45, 0x54, 0x46}));
    EXPECT_EQ(write([](Writer& w) { w.bytes(Bytes{1, 2, 3, 4}); }), (Bytes{0x44, 1, 2, 3, 4}));
    EXPECT_EQ(write([](Writer& w) { w.boolean(true); }), (Bytes{0xf5}));
    EXPECT_EQ(write([](Writer& w) {
                  w.map(1);
                  w.number(1);
                  w.array(1);
                  w.boolean(false);
              }),
              (Bytes{0xa1, 0x01, 0x81, 0xf4}));
}

TEST(Cbor, ReadsWhatItWrote) {
    for (const std::uint64_t n :
         {0ull, 23ull, 24ull, 255ull, 256ull, 65535ull, 65536ull, 4294967295ull, 4294967296ull}) {
        const Bytes bytes = write([n](Writer& w) { w.number(n); });
        Reader reader(bytes);
        EXPECT_EQ(reader.number(), n);
        EXPECT_TRUE(reader.finished());
    }
}

TEST(Cbor, SaysSoWhenTheOutputIsTooSmall) {
    std::array<std::uint8_t, 4> out{};
    Writer writer(out);
    writer.text("four");
    EXPECT_EQ(writer.size(), 0u);
}

TEST(Cbor, RefusesWhatItDoesNotSpeak) {
    for (const Bytes& bytes :
         {Bytes{}, Bytes{0x18}, Bytes{0x1f}, Bytes{0x1c}, Bytes{0x20}, Bytes{0x19, 1}}) {
        Reader reader(bytes);
        (void)reader.number();
        EXPECT_FALSE(reader.ok());
    }
    for (const Bytes& bytes :
         {Bytes{0x45, 1, 2}, Bytes{0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
          Bytes{0x5f, 0x41, 1, 0xff}}) {
        Reader reader(bytes);
        EXPECT_TRUE(reader.bytes().empty());
        EXPECT_FALSE(reader.ok());
    }
    const Bytes high{0x19, 0x01, 0x00};
    Reader reader(high);
    (void)reader.number(255);
    EXPECT_FALSE(reader.ok());
}

TEST(Cbor, SkipsNestedItemsButNotForEver) {
    const Bytes nested{0xa1, 0x01, 0x82, 0x41, 0x07, 0x61, 0x61};
    Reader reader(nested);
    reader.skip();
    EXPECT_TRUE(reader.finished());
    const Bytes deep(1000, 0x81);
    Reader other(deep);
    other.skip();
    EXPECT_FALSE(other.ok());
}

TEST(Utf8, FollowsRfc3629) {
    EXPECT_TRUE(validUtf8("Müll € 😀"));
    EXPECT_TRUE(validUtf8(""));
    for (const char* bad : {"\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                            "\xc3", "\x80", "\xf5\x80\x80\x80"}) {
        EXPECT_FALSE(validUtf8(bad));
    }
}

}  // namespace
}  // namespace tinsmith::wire
