#include "firmware/dsp/pipeline.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "firmware/dsp/numeric.hpp"
#include "tests/firmware/dsp/windows.hpp"

namespace tinsmith::dsp {
namespace {

std::vector<float> features(std::vector<Block> blocks, std::uint16_t length, std::uint16_t channels,
                            const std::vector<float>& window) {
    Pipeline pipeline{length,  channels, blocks.data(), static_cast<std::uint16_t>(blocks.size()),
                      nullptr, nullptr,  1.0f,          0};
    EXPECT_TRUE(valid(pipeline));
    const Shape shape = outputShape(pipeline);
    std::vector<float> scratch(scratchFloats(pipeline)), out(shape.steps * shape.features);
    extract(pipeline, window.data(), scratch.data(), out.data());
    return out;
}

TEST(Dsp, RawCopiesAveragesCentresAndAddsTheNorm) {
    const std::vector<float> window = {3, 4, 0, 0, 6, 8, 9, 12};  // 4 samples of 2 channels
    EXPECT_EQ(features({cases::kRaw}, 4, 2, window), window);
    const Block norm{BlockKind::raw, true, false, false, 2, 0, 0, 0};
    EXPECT_EQ(features({norm}, 4, 2, window), (std::vector<float>{1.5f, 2, 2.5f, 7.5f, 10, 12.5f}));
    const Block centred{BlockKind::raw, false, true, false, 1, 0, 0, 0};
    EXPECT_EQ(features({centred}, 4, 2, window),
              (std::vector<float>{-1.5f, -2, -4.5f, -6, 1.5f, 2, 4.5f, 6}));
}

// The short way from a sample to input bytes gives what the long way through features gives.
TEST(Dsp, TheWindowItselfNeedsNoFeatures) {
    const float mean[2] = {0.3f, -1.7f};
    const float inverse[2] = {2.5f, 0.7f};
    Pipeline pipeline{64, 2, &cases::kRaw, 1, mean, inverse, 1 / 0.03f, -9};
    ASSERT_TRUE(isWindowItself(pipeline));
    std::vector<float> window(128);
    cases::fill(window.data(), 128, 0, 3);
    window[5] = std::numeric_limits<float>::quiet_NaN();
    window[6] = std::numeric_limits<float>::infinity();
    window[7] = -0.0f;
    std::vector<std::int8_t> bytes(128);
    std::vector<float> scratch(scratchFloats(pipeline));
    EXPECT_LE(scratch.size(), 4u);
    run(pipeline, window.data(), scratch.data(), bytes.data());
    const std::vector<float> values = features({cases::kRaw}, 64, 2, window);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const float normal = (values[i] - mean[i % 2]) * inverse[i % 2];
        EXPECT_EQ(bytes[i], quantize(normal, pipeline.inverseScale, -9)) << i;
    }
    pipeline.length = 30000;
    EXPECT_TRUE(valid(pipeline)) << "it may be longer than other windows";
    pipeline.length = 40000;
    EXPECT_FALSE(valid(pipeline)) << "beyond kMaxFeatures";
    pipeline.length = 30000;
    for (const Block& other :
         {Block{BlockKind::raw, true, false, false, 1, 0, 0, 0},
          Block{BlockKind::raw, false, true, false, 1, 0, 0, 0},
          Block{BlockKind::raw, false, false, false, 2, 0, 0, 0}, cases::kStatisticsBlock}) {
        pipeline.blocks = &other;
        EXPECT_FALSE(isWindowItself(pipeline));
        EXPECT_FALSE(valid(pipeline));
    }
}

TEST(Dsp, StatisticsOfAKnownSignal) {
    const auto out = features({cases::kStatisticsBlock}, 4, 1, {1, -1, 1, -1});
    EXPECT_EQ(out, (std::vector<float>{0, 1, -1, 1, 1, 1.5f, 2, 0, 1, 0.75f}));
}

TEST(Dsp, ASineStandsInItsLineWithItsAmplitude) {
    std::vector<float> window(64);
    for (int i = 0; i < 64; ++i)
        window[i] = 5.0f + 0.7f * static_cast<float>(std::sin(2 * M_PI * 10 * i / 64));
    const Block lines{BlockKind::spectrum, false, false, false, 0, 64, 64, 32};
    const auto out = features({lines}, 64, 1, window);
    ASSERT_EQ(out.size(), 32u);
    EXPECT_NEAR(out[9], 0.7f, 1e-5f);  // line 10: the first line is 1
    for (int line : {0, 3, 6, 12, 20, 31}) EXPECT_NEAR(out[line], 0.0f, 1e-5f) << line;
}

// Against a transform by definition in double.
TEST(Dsp, MagnitudesAgreeWithTheDefinition) {
    for (const int size : {8, 16, 128, 1024}) {
        std::vector<float> window(size);
        cases::fill(window.data(), size, 0, 7);
        const Block lines{BlockKind::spectrum,
                          false,
                          false,
                          false,
                          0,
                          static_cast<std::uint16_t>(size),
                          static_cast<std::uint16_t>(size),
                          static_cast<std::uint16_t>(size / 2)};
        const auto out = features({lines}, size, 1, window);
        double mean = 0;
        for (const float v : window) mean += v / size;
        for (int k = 1; k <= size / 2; ++k) {
            double real = 0, imaginary = 0;
            for (int i = 0; i < size; ++i) {
                const double hann = 0.5 - 0.5 * std::cos(2 * M_PI * i / size);
                real += (window[i] - mean) * hann * std::cos(2 * M_PI * k * i / size);
                imaginary -= (window[i] - mean) * hann * std::sin(2 * M_PI * k * i / size);
            }
            EXPECT_NEAR(out[k - 1], std::hypot(real, imaginary) * 4 / size, 2e-6)
                << size << " " << k;
        }
    }
}

TEST(Dsp, LogarithmIsCloseToTheExactOne) {
    double worst = 0;
    for (std::uint32_t bits = 0x00800000u; bits < 0x7f800000u; bits += 99991) {
        const float x = std::bit_cast<float>(bits);
        const double exact = std::log(static_cast<double>(x));
        worst = std::max(worst, std::abs(naturalLog(x) - exact) / std::max(1.0, std::abs(exact)));
    }
    EXPECT_LT(worst, 1.5e-7);
    EXPECT_EQ(naturalLog(1.0f), 0.0f);
}

TEST(Dsp, QuantiseRoundsHalfToEvenAndClamps) {
    EXPECT_EQ(quantize(0.5f, 1, 0), 0);
    EXPECT_EQ(quantize(1.5f, 1, 0), 2);
    EXPECT_EQ(quantize(2.5f, 1, 0), 2);
    EXPECT_EQ(quantize(-0.5f, 1, 0), 0);
    EXPECT_EQ(quantize(-1.5f, 1, 0), -2);
    EXPECT_EQ(quantize(2.51f, 1, 0), 3);
    EXPECT_EQ(quantize(-2.49f, 1, 10), 8);
    EXPECT_EQ(quantize(1e30f, 1, 0), 127);
    EXPECT_EQ(quantize(-1e30f, 1e30f, 127), -128);
    EXPECT_EQ(quantize(std::numeric_limits<float>::quiet_NaN(), 1, 5), 5);
}

TEST(Dsp, BlocksOfOtherStepsAreLaidOutAsOneRow) {
    std::vector<float> window(64 * 2);
    cases::fill(window.data(), 128, 0, 3);
    const Block spectrum{BlockKind::spectrum, false, false, true, 0, 32, 16, 4};
    const auto joined = features({cases::kStatisticsBlock, spectrum}, 64, 2, window);
    const auto statistics = features({cases::kStatisticsBlock}, 64, 2, window);
    const auto frames = features({spectrum}, 64, 2, window);
    ASSERT_EQ(joined.size(), 20u + 3 * 8);
    std::vector<float> expected = statistics;
    expected.insert(expected.end(), frames.begin(), frames.end());
    EXPECT_EQ(joined, expected);
    const Block centred{BlockKind::raw, false, true, false, 1, 0, 0, 0};
    const auto sideBySide = features({cases::kRaw, centred}, 64, 2, window);
    ASSERT_EQ(sideBySide.size(), 64u * 4);
    EXPECT_EQ(sideBySide[4], window[2]);
}

TEST(Dsp, InvalidPipelinesAreKnown) {
    const auto isValid = [](Block block, std::uint16_t length, std::uint16_t channels) {
        return valid(Pipeline{length, channels, &block, 1, nullptr, nullptr, 1, 0});
    };
    EXPECT_TRUE(isValid(cases::kSpectrum64, 64, 1));
    EXPECT_FALSE(isValid(cases::kSpectrum64, 63, 1));
    EXPECT_FALSE(isValid(cases::kRaw, 0, 1));
    EXPECT_FALSE(isValid(cases::kRaw, 4, 0));
    EXPECT_FALSE(isValid(cases::kRaw, 4, 17));
    EXPECT_FALSE(isValid({BlockKind::raw, false, false, false, 5, 0, 0, 0}, 4, 1));
    EXPECT_FALSE(isValid({BlockKind::raw, false, false, false, 0, 0, 0, 0}, 4, 1));
    EXPECT_FALSE(isValid({BlockKind::spectrum, false, false, false, 0, 48, 8, 4}, 64, 1));
    EXPECT_FALSE(isValid({BlockKind::spectrum, false, false, false, 0, 32, 0, 4}, 64, 1));
    EXPECT_FALSE(isValid({BlockKind::spectrum, false, false, false, 0, 32, 8, 3}, 64, 1));
}

}  // namespace
}  // namespace tinsmith::dsp
