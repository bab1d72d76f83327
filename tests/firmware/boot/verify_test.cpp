#include <gtest/gtest.h>

#include "firmware/boot/image.hpp"
#include "tests/firmware/boot/images.hpp"

namespace tinsmith::boot {
namespace {

using wire::Reason;

class Verify : public ::testing::Test {
  protected:
    [[nodiscard]] Reason check(std::span<const std::uint8_t> bytes, std::uint32_t floor = 0,
                               const std::string& board = kBoard) const {
        ImageInfo info;
        return verify(bytes, slotAddress(0), {rom_, board, floor}, info);
    }

    image::SigningKey key_ = testKey();
    RomInfo rom_ = testRom(key_);
    TestImage image_ = makeImage(key_, 0, 7);
};

TEST_F(Verify, AcceptsAGoodImageAndReadsIt) {
    ImageInfo info;
    ASSERT_EQ(verify(image_.bytes, slotAddress(0), {rom_, kBoard, 7}, info), Reason::none);
    EXPECT_EQ(info.digest, image_.digest);
    EXPECT_EQ(info.counter, 7u);
    EXPECT_EQ(info.board, kBoard);
    EXPECT_EQ(info.totalSize, image_.bytes.size());
    EXPECT_EQ(info.build, 7u);
}

TEST_F(Verify, AcceptsTheSecondKeyToo) {
    rom_.keys[1] = rom_.keys[0];
    rom_.keys[0] = {};
    EXPECT_EQ(check(image_.bytes), Reason::none);
}

TEST_F(Verify, RefusesEachFlaw) {
    EXPECT_EQ(check(makeImage(testKey(2), 0, 7).bytes), Reason::unknown_key);
    EXPECT_EQ(check(makeImage(key_, 1, 7).bytes), Reason::wrong_slot);
    EXPECT_EQ(check(image_.bytes, 8), Reason::old_counter);
    EXPECT_EQ(check(image_.bytes, 0, "other-board"), Reason::wrong_board);
    EXPECT_EQ(check({}), Reason::no_image);
    rom_.keys[0] = {};
    EXPECT_EQ(check(image_.bytes), Reason::unknown_key);
}

TEST_F(Verify, RefusesAnotherSignatureUnderTheRightKeysName) {
    const auto content = image::withoutSignature(image_.bytes);
    ASSERT_TRUE(content);
    const auto forged = image::attachSignature(*content, image::keyHash(key_.publicKey()),
                                               testKey(2).sign(image_.digest));
    EXPECT_EQ(check(forged), Reason::bad_signature);
}

TEST_F(Verify, RefusesEveryFlippedBit) {
    for (std::size_t byte = 0; byte < image_.bytes.size();
         byte += byte < kHeaderSize + 64 ? 1 : 17) {
        auto bytes = image_.bytes;
        bytes[byte] ^= static_cast<std::uint8_t>(1u << byte % 8);
        EXPECT_NE(check(bytes), Reason::none) << "byte " << byte;
    }
    for (std::size_t back = 1; back <= 250; ++back) {
        auto bytes = image_.bytes;
        bytes[bytes.size() - back] ^= 0x10;
        EXPECT_NE(check(bytes), Reason::none) << "byte " << back << " from the end";
    }
}

TEST_F(Verify, RefusesEveryCut) {
    for (std::size_t size = 0;
         size<image_.bytes.size(); size += size + 300> image_.bytes.size() ? 1 : 97) {
        EXPECT_NE(check(std::span(image_.bytes).first(size)), Reason::none) << size;
    }
}

TEST_F(Verify, RefusesATlvThatComesTwice) {
    // A second ED25519 TLV of the same content in place: the area's size has to grow with it.
    auto bytes = image_.bytes;
    const image::Bytes tlv(bytes.end() - 68, bytes.end());
    bytes.insert(bytes.end(), tlv.begin(), tlv.end());
    ImageInfo info;
    ASSERT_EQ(inspect(image_.bytes, info), Reason::none);
    const std::size_t sizeAt = info.signedSize + 2;
    const std::size_t size = bytes.size() - info.signedSize;
    bytes[sizeAt] = static_cast<std::uint8_t>(size);
    bytes[sizeAt + 1] = static_cast<std::uint8_t>(size >> 8);
    EXPECT_EQ(check(bytes), Reason::bad_image);
}

}  // namespace
}  // namespace tinsmith::boot
