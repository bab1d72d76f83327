// Arithmetic that gives the same bits on every IEEE 754 single-precision unit.
#pragma once

#include <bit>
#include <cstdint>

namespace tinsmith::dsp {

// What leaves here is finite, and small enough that sums of squares over a window stay finite too.
inline float clean(float value) {
    if (value != value) return 0.0f;
    if (value > 1e6f) return 1e6f;
    if (value < -1e6f) return -1e6f;
    return value;
}

inline float magnitudeOf(float value) {
    return value < 0.0f ? -value : value;
}

// IEEE 754 demands a correctly rounded square root, and both targets have it as one instruction.
inline float squareRoot(float value) {
    return value > 0.0f ? __builtin_sqrtf(value) : 0.0f;
}

// Natural logarithm of a normal positive float, error below 2 units in the last place of the larger
// summand. x = m * 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh s with s = (m - 1) / (m +
// 1), |s| < 0.172.
inline float naturalLog(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    std::int32_t exponent = static_cast<std::int32_t>(bits >> 23) - 127;
    float mantissa = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f800000u);
    if (mantissa > 1.41421356f) {
        mantissa = mantissa * 0.5f;
        exponent += 1;
    }
    const float s = (mantissa - 1.0f) / (mantissa + 1.0f);
    const float t = s * s;
    float series = 1.0f / 9.0f;
    series = series * t + 1.0f / 7.0f;
    series = series * t + 1.0f / 5.0f;
    series = series * t + 1.0f / 3.0f;
    series = series * t + 1.0f;
    const float e = static_cast<float>(exponent);
    // ln 2 in two parts, so that e * high is exact for every exponent.
    return e * 0.693145752f + (e * 1.42860677e-6f + 2.0f * s * series);
}

}  // namespace tinsmith::dsp
