#include "firmware/wire/messages.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tinsmith::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class M>
Bytes bytesOf(const M& message) {
    Bytes out(1024);
    out.resize(encode(message, out));
    return out;
}

Digest digestOf(std::uint8_t fill) {
    Digest digest;
    digest.fill(fill);
    return digest;
}

Hello fullHello() {
    Hello m;
    EXPECT_TRUE(m.deviceId.assign("12345678901234567890123456789012"));
    EXPECT_TRUE(m.board.assign("mps2-an386"));
    EXPECT_TRUE(m.modelName.assign("a model name that is as long as it may be: 48 ch"));
    EXPECT_TRUE(m.modelVersion.assign("v-20261120-2345"));
    m.runningSlot = 1;
    m.slots = {SlotInfo{true, digestOf(1), 0xFFFFFFFF}, SlotInfo{true, digestOf(2), 8}};
    m.runningDigest = digestOf(2);
    m.trial = true;
    m.bootCount = 0xFFFFFFFF;
    m.nonce.fill(9);
    m.resetReason = ResetReason::update;
    m.failure = Reason::selftest;
    m.failureDigest = digestOf(3);
    m.sequence = UINT64_MAX;
    m.floor = 7;
    m.slotSize = 0xFF000;
    return m;
}

Offer someOffer() {
    Offer m;
    m.digest = digestOf(4);
    m.size = 123456;
    EXPECT_TRUE(m.board.assign("mps2-an386"));
    m.slot = 1;
    m.counter = 9;
    EXPECT_TRUE(m.target.assign("dev-1"));
    EXPECT_TRUE(m.version.assign("motor:3"));
    m.sequence = 77;
    m.expiresAfterS = 600;
    return m;
}

template <class M>
void expectRoundTrip(const M& message) {
    const Bytes bytes = bytesOf(message);
    ASSERT_FALSE(bytes.empty());
    EXPECT_LE(bytes.size(), kMaxMessageBytes);
    M back;
    ASSERT_TRUE(decode(bytes, back));
    EXPECT_EQ(back, message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode(std::span(bytes).first(size), back)) << "cut to " << size;
        Bytes small(size);
        EXPECT_EQ(encode(message, small), 0u);
    }
}

TEST(Messages, SurviveTheWireAndNoCutOfThemDoes) {
    expectRoundTrip(fullHello());
    expectRoundTrip(someOffer());
    Need need;
    need.digest = digestOf(5);
    need.first = 64;
    need.total = 200;
    need.bitmapBytes = 3;
    need.bitmap[0] = 0xA5;
    expectRoundTrip(need);
    expectRoundTrip(Update{digestOf(6), UpdateState::refused, 40, Reason::old_counter});
    Command alive;
    alive.nonce.fill(1);
    alive.signature.fill(2);
    expectRoundTrip(alive);
    Command sample;
    sample.kind = CommandKind::sample;
    ASSERT_TRUE(sample.id.assign("rec-1"));
    sample.channels = 3;
    sample.length = 100;
    sample.stride = 50;
    sample.count = 20;
    expectRoundTrip(sample);
    Command reboot;
    reboot.kind = CommandKind::reboot;
    expectRoundTrip(reboot);
    Result result;
    result.classCount = 3;
    result.classIndex = 2;
    result.scores[0] = -128;
    result.scores[2] = 127;
    ASSERT_TRUE(result.label.assign("größer"));
    expectRoundTrip(result);
    result.scores = {};
    result.classCount = 0;
    result.classIndex = 639;  // of more classes than a message has room for
    expectRoundTrip(result);
    expectRoundTrip(Telemetry{1, 2, 3, 4, 5, 6, 7, 8, CodeEnd::time});
}

TEST(Messages, ASampleKeepsItsValues) {
    const Bytes values(2 * 5 * 4, 0x3F);
    Sample sample;
    ASSERT_TRUE(sample.id.assign("rec-1"));
    sample.channels = 2;
    sample.length = 5;
    sample.values = values;
    const Bytes bytes = bytesOf(sample);
    Sample back;
    ASSERT_TRUE(decode(bytes, back));
    EXPECT_TRUE(std::equal(back.values.begin(), back.values.end(), values.begin(), values.end()));
    sample.length = 6;
    EXPECT_FALSE(decode(bytesOf(sample), back)) << "the size must be what channels and length say";
}

TEST(Messages, ASignedOfferCarriesTheOfferAsItWas) {
    const Bytes payload = bytesOf(someOffer());
    EXPECT_LE(payload.size(), kMaxOfferBytes);
    SignedOffer envelope{payload, {}};
    envelope.signature.fill(3);
    const Bytes bytes = bytesOf(envelope);
    SignedOffer back;
    ASSERT_TRUE(decode(bytes, back));
    EXPECT_EQ(back.signature, envelope.signature);
    Offer offer;
    ASSERT_TRUE(decode(back.payload, offer));
    EXPECT_EQ(offer, someOffer());
}

TEST(Messages, TheLargestOfferFits) {
    Offer offer = someOffer();
    const std::string longest(48, 'x');
    ASSERT_TRUE(offer.target.assign(longest));
    ASSERT_TRUE(offer.version.assign(longest));
    ASSERT_TRUE(offer.board.assign(longest.substr(0, 32)));
    offer.sequence = UINT64_MAX;
    offer.counter = offer.size = offer.expiresAfterS = UINT32_MAX;
    const Bytes bytes = bytesOf(offer);
    EXPECT_FALSE(bytes.empty());
    EXPECT_LE(bytes.size(), kMaxOfferBytes);
}

TEST(Messages, ReadersSkipKeysOfNewerVersions) {
    Bytes bytes = bytesOf(Update{digestOf(1), UpdateState::trial, 100, Reason::none});
    ASSERT_EQ(bytes[0], 0xA4);
    bytes[0] = 0xA5;
    for (const std::uint8_t byte : {0x18, 0x63, 0x82, 0x01, 0x61, 0x61})
        bytes.push_back(byte);  // 99: [1, "a"]
    Update back;
    ASSERT_TRUE(decode(bytes, back));
    EXPECT_EQ(back.percent, 100);
}

TEST(Messages, ReadersRefuseDoubleAndMissingKeysAndTrailingBytes) {
    const Bytes good = bytesOf(Telemetry{1, 2, 3, 4, 5, 6, 7, 8, CodeEnd::time});
    Telemetry back;
    Bytes twice = good;
    twice[0] = 0xA8;
    twice.push_back(7);
    twice.push_back(0);
    EXPECT_FALSE(decode(twice, back));
    Bytes missing(good.begin(), good.end() - 2);
    missing[0] = 0xA6;
    EXPECT_FALSE(decode(missing, back));
    Bytes trailing = good;
    trailing.push_back(0);
    EXPECT_FALSE(decode(trailing, back));
}

TEST(Messages, RefuseImplausibleValues) {
    Hello hello = fullHello();
    hello.runningSlot = 2;
    EXPECT_FALSE(decode(bytesOf(hello), hello));
    hello = fullHello();
    ASSERT_TRUE(hello.deviceId.assign("a/b"));
    EXPECT_FALSE(decode(bytesOf(hello), hello));
    Update update{digestOf(1), UpdateState::trial, 101, Reason::none};
    EXPECT_FALSE(decode(bytesOf(update), update));
}

TEST(Messages, TheAliveMessageBindsDeviceBootAndImage) {
    std::array<std::uint8_t, kMaxAliveMessage> out{};
    const Nonce nonce{1, 2, 3};
    const std::size_t size = aliveMessage(out, "dev-1", nonce, digestOf(7));
    EXPECT_EQ(size, 17u + 5 + 1 + 16 + 32);
    EXPECT_EQ(std::string(out.begin(), out.begin() + 23),
              std::string("tinsmith-alive-1\0dev-1\0", 23));
}

TEST(Names, AreStable) {
    EXPECT_EQ(name(Reason::none), "none");
    EXPECT_EQ(name(Reason::digest_differs), "digest_differs");
    EXPECT_EQ(name(Reason::flash), "flash");
    EXPECT_EQ(name(static_cast<Reason>(200)), "unknown");
    EXPECT_EQ(name(ResetReason::fallback), "fallback");
    EXPECT_EQ(name(UpdateState::refused), "refused");
}

}  // namespace
}  // namespace tinsmith::wire
