// The integer functions against what they stand for, in double.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/prepare.hpp"

namespace tinsmith::nn {
namespace {

constexpr std::int32_t kLowest = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kHighest = std::numeric_limits<std::int32_t>::max();

TEST(FixedPoint, HighMultiplyRoundsHalvesUpAndSaturatesOnce) {
    EXPECT_EQ(roundingHighMultiply(kLowest, kLowest), kHighest);
    EXPECT_EQ(roundingHighMultiply(1 << 30, 1), 1);     // 0.5
    EXPECT_EQ(roundingHighMultiply(-(1 << 30), 1), 0);  // -0.5
    EXPECT_EQ(roundingHighMultiply(3 << 29, 1), 1);
    std::mt19937 random(1);
    for (int i = 0; i < 100000; ++i) {
        const auto a = static_cast<std::int32_t>(random());
        const auto b = static_cast<std::int32_t>(random());
        const long double exact = static_cast<long double>(a) * b / 2147483648.0L;
        EXPECT_EQ(roundingHighMultiply(a, b), static_cast<std::int32_t>(std::floor(exact + 0.5L)));
    }
}

TEST(FixedPoint, ShiftRightRoundsHalvesAwayFromZero) {
    EXPECT_EQ(roundingShiftRight(5, 1), 3);
    EXPECT_EQ(roundingShiftRight(-5, 1), -3);
    EXPECT_EQ(roundingShiftRight(-6, 2), -2);
    EXPECT_EQ(roundingShiftRight(kHighest, 31), 1);
    EXPECT_EQ(roundingShiftRight(kLowest, 31), -1);
    EXPECT_EQ(roundingShiftRight(12345, 0), 12345);
}

TEST(FixedPoint, RequantizeRoundsTwice) {
    // 11 * 0.5 = 5.5 -> 6, then / 4 = 1.5 -> 2; one rounding would give 11 / 8 = 1.375 -> 1.
    EXPECT_EQ(requantize(11, 1 << 30, -2), 2);
    EXPECT_EQ(requantize(100, 1 << 30, 3), 400);
}

TEST(FixedPoint, ExponentialIsCloseEverywhere) {
    for (std::int32_t bits : {4, 5}) {
        const double unit = std::ldexp(1.0, 31 - bits);
        for (double x = 0; x > -(1 << bits); x -= 0.0137) {
            const auto raw = static_cast<std::int32_t>(x * unit);
            EXPECT_NEAR(expOfNegative(raw, bits) / 2147483648.0, std::exp(raw / unit), 3e-7) << x;
        }
    }
    EXPECT_EQ(expOfNegative(0, 5), kHighest);
    EXPECT_EQ(expOfNegative(kLowest, 5), 0);
}

TEST(FixedPoint, ReciprocalIsClose) {
    for (double a = 0; a < 1; a += 0.00123) {
        const auto raw = static_cast<std::int32_t>(a * 2147483648.0);
        EXPECT_NEAR(reciprocalOfOnePlus(raw) / 2147483648.0, 1 / (1 + a), 1e-7) << a;
    }
}

TEST(Multiplier, HoldsTheRealValue) {
    for (const double real : {1e-7, 0.003, 0.25, 0.9999999999, 1.0, 1.7, 1000.5}) {
        const auto [multiplier, shift] = quantizeMultiplier(real);
        EXPECT_GE(multiplier, 1 << 30);
        EXPECT_NEAR(std::ldexp(multiplier / 2147483648.0, shift), real, real * 1e-9);
    }
    EXPECT_EQ(quantizeMultiplier(0).multiplier, 0);
    EXPECT_EQ(quantizeMultiplier(1e-12).multiplier, 0);
}

TEST(ActivationLimits, FollowScaleAndZeroPoint) {
    EXPECT_EQ(activationLimits(Activation::none, 0.1F, 5).minimum, -128);
    EXPECT_EQ(activationLimits(Activation::relu, 0.1F, 5).minimum, 5);
    EXPECT_EQ(activationLimits(Activation::relu, 0.1F, 5).maximum, 127);
    EXPECT_EQ(activationLimits(Activation::relu6, 0.5F, -100).maximum, -88);
    EXPECT_EQ(activationLimits(Activation::relu6, 1e-9F, 0).maximum, 127);
}

}  // namespace
}  // namespace tinsmith::nn
