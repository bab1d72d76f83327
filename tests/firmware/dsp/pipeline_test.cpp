#include "firmware/dsp/pipeline.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "firmware/dsp/mel.hpp"
#include "firmware/dsp/numeric.hpp"
#include "tests/firmware/dsp/windows.hpp"

namespace tinsmith::dsp {
namespace {

std::vector<float> features(std::vector<Block> blocks, std::uint16_t length, std::uint16_t channels,
                            const std::vector<float>& window,
                            const Conditioning& conditioning = {}) {
    Pipeline pipeline{
        length,      channels, blocks.data(), static_cast<std::uint16_t>(blocks.size()),
        nullptr,     nullptr,  1.0f,          0,
        conditioning};
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

TEST(Dsp, GeneratedValuesAreACleanRowOfTheirOwn) {
    const Block code{BlockKind::code, false, false, false, 1, 0, 0, 3};
    const std::vector<float> window = {3, 4, 0, 0, 6, 8, 9, 12};
    EXPECT_EQ(features({code}, 4, 2, window), (std::vector<float>{0, 0, 0})) << "without a hook";
    const Block blocks[] = {code, {BlockKind::statistics, false, false, false, 1, 0, 0, 0}};
    Pipeline pipeline{4, 2, blocks, 2, nullptr, nullptr, 1, 0};
    pipeline.conditioning.resample = 2;
    static std::vector<float> seen;
    pipeline.code.call = [](const void*, const float* given, std::uint32_t length,
                            std::uint32_t channels, float* out) {
        seen.assign(given, given + length * channels);
        out[0] = 7;
        out[1] = std::numeric_limits<float>::quiet_NaN();
        out[2] = -1e30f;
    };
    ASSERT_TRUE(valid(pipeline));
    EXPECT_EQ(outputShape(pipeline).features, 3 + 2 * kStatistics);
    std::vector<float> scratch(scratchFloats(pipeline)), out(3 + 2 * kStatistics);
    extract(pipeline, window.data(), scratch.data(), out.data());
    EXPECT_EQ(seen, (std::vector<float>{1.5f, 2, 7.5f, 10})) << "as the other blocks see it";
    EXPECT_EQ(out[0], 7);
    EXPECT_EQ(out[1], 0);
    EXPECT_EQ(out[2], -1e6f);
    Block none = code;
    none.bins = 0;
    pipeline.blocks = &none;
    pipeline.blockCount = 1;
    EXPECT_FALSE(valid(pipeline));
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

// Against the definition in double, from the lines' magnitudes.
TEST(Dsp, MelBandsAreTrianglesOverPowers) {
    std::vector<float> window(256);
    cases::fill(window.data(), 256, 0, 5);
    Block mel = cases::kMel256;
    mel.relative = false;
    const auto levels = features({mel}, 256, 1, window);
    const Block lines{BlockKind::spectrum, false, false, false, 0, 256, 256, 128};
    const auto magnitudes = features({lines}, 256, 1, window);
    ASSERT_EQ(levels.size(), 10u);
    for (std::size_t band = 0; band < 10; ++band) {
        const double left = cases::kEdges256[band];
        const double centre = cases::kEdges256[band + 1];
        const double right = cases::kEdges256[band + 2];
        double power = 0;
        for (int k = 1; k <= 128; ++k) {
            const double weight =
                std::min((k * 256 - left) / (centre - left), (right - k * 256) / (right - centre));
            if (weight > 0) power += weight * magnitudes[k - 1] * magnitudes[k - 1];
        }
        EXPECT_NEAR(levels[band], std::log(power), 1e-5) << band;
    }
}

TEST(Dsp, RelativeMelLevelsDoNotDependOnLoudness) {
    std::vector<float> window(1024), softer(1024);
    cases::fill(window.data(), 1024, 0, 9);
    for (std::size_t i = 0; i < 1024; ++i) softer[i] = window[i] / 16;
    const auto loud = features({cases::kMel256}, 1024, 1, window);
    const auto soft = features({cases::kMel256}, 1024, 1, softer);
    ASSERT_EQ(loud.size(), 7u * 10);
    EXPECT_EQ(*std::max_element(loud.begin(), loud.end()), 0.0f);
    for (std::size_t i = 0; i < loud.size(); ++i) EXPECT_NEAR(loud[i], soft[i], 1e-5f) << i;
    const auto silent = features({cases::kMel256}, 1024, 1, std::vector<float>(1024, 0.25f));
    for (const float level : silent) EXPECT_EQ(level, kFaintest);
}

TEST(Dsp, BandsOfChannelsStandSideBySide) {
    std::vector<float> both(512), first(256), second(256);
    cases::fill(both.data(), 512, 0, 2);
    for (std::size_t i = 0; i < 256; ++i) {
        first[i] = both[2 * i];
        second[i] = both[2 * i + 1];
    }
    Block mel = cases::kMel256;
    mel.relative = false;
    const auto joined = features({mel}, 256, 2, both);
    const auto one = features({mel}, 256, 1, first);
    const auto two = features({mel}, 256, 1, second);
    for (std::size_t band = 0; band < 10; ++band) {
        EXPECT_EQ(joined[2 * band], one[band]);
        EXPECT_EQ(joined[2 * band + 1], two[band]);
    }
}

Block picture(std::uint16_t rows, std::uint16_t columns, std::uint16_t fromRows,
              std::uint16_t fromColumns) {
    Block block{BlockKind::image, false, false, false, 1, 0, 0, 0};
    block.rows = rows;
    block.columns = columns;
    block.pictureRows = fromRows;
    block.pictureColumns = fromColumns;
    return block;
}

TEST(Dsp, PicturesAreAveragedOverEqualAreas) {
    const std::vector<float> window = {0, 2, 4, 8, 10, 20};  // 2 rows of 3
    EXPECT_EQ(features({picture(2, 3, 2, 3)}, 6, 1, window), window);
    EXPECT_EQ(features({picture(1, 3, 2, 3)}, 6, 1, window), (std::vector<float>{4, 6, 12}));
    // Half of the middle pixel on either side.
    EXPECT_EQ(features({picture(1, 2, 2, 3)}, 6, 1, window),
              (std::vector<float>{(4 * 2 + 6) / 3.0f, (6 + 12 * 2) / 3.0f}));
    // A pixel that is spread over more places is in each of them.
    EXPECT_EQ(features({picture(1, 4, 1, 2)}, 2, 1, {3, 7}), (std::vector<float>{3, 3, 7, 7}));
}

TEST(Dsp, PicturesBecomeGreyAndNormal) {
    Block block = picture(1, 2, 1, 2);
    EXPECT_EQ(features({block}, 2, 3, {1, 2, 3, 4, 5, 6}), (std::vector<float>{1, 2, 3, 4, 5, 6}));
    block.grey = true;
    const auto grey = features({block}, 2, 3, {100, 0, 0, 0, 100, 100});
    ASSERT_EQ(grey.size(), 2u);
    EXPECT_NEAR(grey[0], 29.9f, 1e-4);
    EXPECT_NEAR(grey[1], 70.1f, 1e-4);
    block.normalise = true;
    EXPECT_EQ(features({block}, 2, 1, {10, 30}), (std::vector<float>{-1, 1}));
    EXPECT_EQ(features({block}, 2, 1, {30, 30}), (std::vector<float>{0, 0}));
}

TEST(Dsp, WindowsAreConditionedInOrder) {
    const std::vector<float> window = {1, 3, 5, 7, 9, 11};
    Conditioning conditioning;
    conditioning.resample = 2;
    EXPECT_EQ(features({cases::kRaw}, 6, 1, window, conditioning), (std::vector<float>{2, 6, 10}));
    conditioning.clip = true;
    conditioning.low = 2;
    conditioning.high = 8;
    EXPECT_EQ(features({cases::kRaw}, 6, 1, window, conditioning),
              (std::vector<float>{2.5f, 6, 8}));
    Conditioning straight;
    straight.detrend = true;
    for (const float rest : features({cases::kRaw}, 6, 1, window, straight))
        EXPECT_NEAR(rest, 0, 1e-5f);
    Conditioning loud;
    loud.loudness = Loudness::peak;
    EXPECT_EQ(features({cases::kRaw}, 2, 2, {1, -4, 2, 0}, loud),
              (std::vector<float>{0.25f, -1, 0.5f, 0}));
    loud.loudness = Loudness::rms;
    EXPECT_EQ(features({cases::kRaw}, 4, 1, {2, -2, 2, -2}, loud),
              (std::vector<float>{1, -1, 1, -1}));
    EXPECT_EQ(features({cases::kRaw}, 2, 1, {0, 0}, loud), (std::vector<float>{0, 0}));
}

TEST(Dsp, InvalidConditioningIsKnown) {
    const auto isValid = [](Conditioning conditioning) {
        return valid(Pipeline{6, 1, &cases::kRaw, 1, nullptr, nullptr, 1, 0, conditioning});
    };
    EXPECT_TRUE(isValid({true, 0, 1}));
    EXPECT_FALSE(isValid({true, 1, 1}));
    EXPECT_FALSE(isValid({false, 0, 0, false, 0}));
    EXPECT_FALSE(isValid({false, 0, 0, false, 7}));
    EXPECT_TRUE(isValid({false, 0, 0, false, 6}));
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
    EXPECT_TRUE(isValid(cases::kMel256, 256, 1));
    EXPECT_TRUE(isValid(cases::kMel256, kMaxLength, 1));
    EXPECT_FALSE(isValid(cases::kMel256, 255, 1));
    const std::uint32_t falling[] = {0, 256, 256};
    const std::uint32_t tooFar[] = {0, 256, 128 * 256 + 1};
    for (const std::uint32_t* edges :
         {falling, tooFar, static_cast<const std::uint32_t*>(nullptr)}) {
        EXPECT_FALSE(isValid({BlockKind::mel, false, false, false, 0, 256, 8, 1, edges}, 256, 1));
    }
    EXPECT_TRUE(isValid(picture(3, 3, 2, 4), 8, 1));
    EXPECT_FALSE(isValid(picture(3, 3, 2, 4), 9, 1));
    EXPECT_FALSE(isValid(picture(0, 3, 2, 4), 8, 1));
    EXPECT_FALSE(isValid(picture(3, 257, 2, 4), 8, 1));
}

}  // namespace
}  // namespace tinsmith::dsp
