#include "firmware/wire/topics.hpp"

#include <gtest/gtest.h>

#include <string>

#include "firmware/wire/bitmap.hpp"

namespace tinsmith::wire {
namespace {

TEST(Topics, AreBuiltAndRead) {
    TopicBuffer buffer;
    EXPECT_EQ(deviceTopic(buffer, "dev-1", kLeafHello), "device/dev-1/hello");
    DeviceTopic device;
    ASSERT_TRUE(parseDeviceTopic("device/dev-1/hello", device));
    EXPECT_EQ(device.id, "dev-1");
    EXPECT_EQ(device.leaf, "hello");

    Digest digest;
    digest.fill(0xAB);
    std::string hex;
    for (int i = 0; i < 32; ++i) hex += "ab";
    EXPECT_EQ(blockTopic(buffer, digest, 1023), "block/" + hex + "/1023");
    EXPECT_EQ(blockFilter(buffer, digest), "block/" + hex + "/+");
    BlockTopic block{};
    ASSERT_TRUE(parseBlockTopic("block/" + hex + "/0", block));
    EXPECT_EQ(block.digest, digest);
    EXPECT_EQ(block.n, 0u);
}

TEST(Topics, OfAnotherShapeAreRefused) {
    DeviceTopic device;
    for (const char* topic :
         {"", "device/", "device/a", "device//hello", "device/a/", "device/a/b/c", "devices/a/b",
          "device/a b/hello", "device/+/hello"}) {
        EXPECT_FALSE(parseDeviceTopic(topic, device)) << topic;
    }
    const std::string hex(64, 'a');
    BlockTopic block{};
    for (const std::string& topic :
         {std::string("block/"), "block/" + hex, "block/" + hex + "/", "block/" + hex + "/-1",
          "block/" + hex + "/1x", "block/" + hex + "/01", "block/" + hex + "/99999999999",
          "block/" + hex.substr(1) + "/1", "block/" + std::string(64, 'g') + "/1"}) {
        EXPECT_FALSE(parseBlockTopic(topic, block)) << topic;
    }
}

TEST(Topics, TooLongOnesAreEmpty) {
    TopicBuffer buffer;
    EXPECT_EQ(deviceTopic(buffer, std::string(200, 'a'), "hello"), "");
}

TEST(DeviceIds, AreHarmless) {
    EXPECT_TRUE(validDeviceId("dev-1.a_B"));
    for (const char* id :
         {"", ".", "..", "a/b", "a+", "#", "a b", "ä", "123456789012345678901234567890123"}) {
        EXPECT_FALSE(validDeviceId(id)) << id;
    }
}

TEST(Bitmap, CountsFromTheLowestBit) {
    std::array<std::uint8_t, 2> bits{};
    setBit(bits, 0);
    setBit(bits, 9);
    setBit(bits, 16);  // beyond the end
    EXPECT_EQ(bits[0], 1);
    EXPECT_EQ(bits[1], 2);
    EXPECT_TRUE(testBit(bits, 9));
    EXPECT_FALSE(testBit(bits, 8));
    EXPECT_FALSE(testBit(bits, 99));
    EXPECT_EQ(countBits(bits), 2u);
}

}  // namespace
}  // namespace tinsmith::wire
