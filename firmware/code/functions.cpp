#include "firmware/code/functions.hpp"

#include <bit>
#include <cstdint>

#include "firmware/dsp/numeric.hpp"

namespace {

constexpr float kFarthestAngle = 10000.0f;

// The nearest whole number; |x| < 2^22.
std::int32_t nearest(float x) {
    return static_cast<std::int32_t>(x < 0.0f ? x - 0.5f : x + 0.5f);
}

// Sine and cosine of |x| <= pi/4, Taylor series; the first term left out is below 2^-25.
float smallSine(float x) {
    const float t = x * x;
    float series = 1.0f / 362880.0f;
    series = series * t - 1.0f / 5040.0f;
    series = series * t + 1.0f / 120.0f;
    series = series * t - 1.0f / 6.0f;
    return x + x * t * series;
}

float smallCosine(float x) {
    const float t = x * x;
    float series = 1.0f / 40320.0f;
    series = series * t - 1.0f / 720.0f;
    series = series * t + 1.0f / 24.0f;
    series = series * t - 0.5f;
    return 1.0f + t * series;
}

// Sine of x + quarters * pi/2. pi/2 in three parts whose products with whole numbers up to 6367 are
// exact but for the last.
float sineOf(float x, std::int32_t quarters) {
    const std::int32_t turns = nearest(x * 0.636619772f);
    const auto count = static_cast<float>(turns);
    const float rest = ((x - count * 1.5703125f) - count * 4.8351288e-4f) - count * 3.1385e-7f;
    const std::int32_t quadrant = (turns + quarters) & 3;
    const float value = (quadrant & 1) != 0 ? smallCosine(rest) : smallSine(rest);
    return (quadrant & 2) != 0 ? -value : value;
}

bool isAngle(float x) {
    return x >= -kFarthestAngle && x <= kFarthestAngle;
}

}  // namespace

extern "C" {

float ts_sqrt(float x) {
    return tinsmith::dsp::squareRoot(x);
}

float ts_log(float x) {
    // Infinity and not a number come from wrong code only; both are caught where its answer is.
    return tinsmith::dsp::naturalLog(x > 1e-30f ? x : 1e-30f);
}

float ts_exp(float x) {
    if (!(x > -87.0f)) x = -87.0f;
    if (x > 88.0f) x = 88.0f;
    const std::int32_t power = nearest(x * 1.44269504f);
    const auto count = static_cast<float>(power);
    const float r = (x - count * 0.693145752f) - count * 1.42860677e-6f;
    float series = 1.0f / 5040.0f;
    series = series * r + 1.0f / 720.0f;
    series = series * r + 1.0f / 120.0f;
    series = series * r + 1.0f / 24.0f;
    series = series * r + 1.0f / 6.0f;
    series = series * r + 0.5f;
    series = series * r + 1.0f;
    series = series * r + 1.0f;
    return series * std::bit_cast<float>(static_cast<std::uint32_t>(power + 127) << 23);
}

float ts_sin(float x) {
    return isAngle(x) ? sineOf(x, 0) : 0.0f;
}

float ts_cos(float x) {
    return isAngle(x) ? sineOf(x, 1) : 1.0f;
}

float ts_abs(float x) {
    return tinsmith::dsp::magnitudeOf(x);
}

float ts_min(float a, float b) {
    return b < a ? b : a;
}

float ts_max(float a, float b) {
    return b > a ? b : a;
}

}  // extern "C"
