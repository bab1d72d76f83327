#include "firmware/wire/sensor_frame.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tinsmith::wire {
namespace {

std::vector<std::uint8_t> frameOf(std::vector<float> values, std::uint8_t sequence) {
    std::vector<std::uint8_t> out(kMaxFrameBytes);
    out.resize(encodeSensorFrame(values, sequence, out));
    return out;
}

TEST(SensorFrame, HasTheCheckValueOfCrc8) {
    const std::string_view check = "123456789";  // poly 0x07, start 0: CRC-8/SMBUS
    EXPECT_EQ(crc8({reinterpret_cast<const std::uint8_t*>(check.data()), check.size()}), 0xF4);
}

TEST(SensorFrame, CarriesEveryNumberOfChannels) {
    SensorDecoder decoder;
    for (std::size_t channels = 1; channels <= kMaxChannels; ++channels) {
        std::vector<float> values(channels);
        for (std::size_t c = 0; c < channels; ++c)
            values[c] = static_cast<float>(c) * -1.5f + 0.25f;
        const auto frame = frameOf(values, static_cast<std::uint8_t>(channels));
        ASSERT_EQ(frame.size(), 5 + 4 * channels);
        int completed = 0;
        for (const std::uint8_t byte : frame) completed += decoder.push(byte) ? 1 : 0;
        ASSERT_EQ(completed, 1);
        EXPECT_EQ(decoder.frame().channels, channels);
        EXPECT_EQ(decoder.frame().sequence, channels);
        for (std::size_t c = 0; c < channels; ++c) EXPECT_EQ(decoder.frame().values[c], values[c]);
    }
    EXPECT_EQ(decoder.badFrames(), 0u);
}

TEST(SensorFrame, RefusesToEncodeWhatDoesNotFit) {
    std::vector<std::uint8_t> out(kMaxFrameBytes);
    EXPECT_EQ(encodeSensorFrame({}, 0, out), 0u);
    EXPECT_EQ(encodeSensorFrame(std::vector<float>(17), 0, out), 0u);
    EXPECT_EQ(encodeSensorFrame(std::vector<float>(3), 0, std::span(out).first(16)), 0u);
}

TEST(SensorFrame, OneBadByteCostsOneFrame) {
    std::mt19937 random(7);
    for (int round = 0; round < 500; ++round) {
        SensorDecoder decoder;
        int completed = 0;
        for (std::uint8_t i = 0; i < 10; ++i) {
            auto frame = frameOf({1.0f * i, -2.0f, 1e-3f}, i);
            if (i == 4)
                frame[random() % frame.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
            for (const std::uint8_t byte : frame) completed += decoder.push(byte) ? 1 : 0;
        }
        // A corrupted count may announce more than is there; what follows is then found again
        // inside it.
        for (int i = 0; i < 80; ++i) completed += decoder.push(0) ? 1 : 0;
        EXPECT_GE(completed, 9);
    }
}

TEST(SensorFrame, NoiseNeverCompletesMoreThanChanceAllows) {
    std::mt19937 random(3);
    SensorDecoder decoder;
    int completed = 0;
    for (int i = 0; i < 1'000'000; ++i)
        completed += decoder.push(static_cast<std::uint8_t>(random())) ? 1 : 0;
    EXPECT_LT(completed, 5);
}

}  // namespace
}  // namespace tinsmith::wire
