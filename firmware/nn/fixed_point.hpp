// The integer arithmetic that TensorFlow Lite Micro's reference kernels compute with, to the bit:
// the double-rounding requantisation and the gemmlowp fixed-point functions below softmax and
// logistic. "Qm.n" = int32 with m integer bits. Sources: TFLite 8-bit quantisation specification;
// gemmlowp fixedpoint design notes.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace tinsmith::nn {

// Wrapping sum: a hostile bias cannot make signed overflow, ordinary ones never come near it.
constexpr std::int32_t wrapAdd(std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

constexpr std::int32_t wrapShiftLeft(std::int32_t value, std::int32_t bits) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << bits);
}

// round(a * b / 2^31), halves up; only INT32_MIN * INT32_MIN saturates.
constexpr std::int32_t roundingHighMultiply(std::int32_t a, std::int32_t b) {
    constexpr std::int32_t kLowest = std::numeric_limits<std::int32_t>::min();
    if (a == kLowest && b == kLowest) return std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>((static_cast<std::int64_t>(a) * b + (std::int64_t{1} << 30)) >>
                                     31);
}

// round(value / 2^exponent), halves away from zero; exponent 0..31.
constexpr std::int32_t roundingShiftRight(std::int32_t value, std::int32_t exponent) {
    const std::int32_t mask = static_cast<std::int32_t>((std::int64_t{1} << exponent) - 1);
    const std::int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> exponent) + ((value & mask) > threshold ? 1 : 0);
}

// value * multiplier / 2^31 * 2^shift with TFLM's two roundings; shift -31..30, multiplier >= 0.
constexpr std::int32_t requantize(std::int32_t value, std::int32_t multiplier, std::int32_t shift) {
    const std::int32_t left = shift > 0 ? shift : 0;
    const std::int32_t right = shift > 0 ? 0 : -shift;
    return roundingShiftRight(roundingHighMultiply(wrapShiftLeft(value, left), multiplier), right);
}

constexpr std::int32_t clamp(std::int32_t value, std::int32_t minimum, std::int32_t maximum) {
    return value < minimum ? minimum : value > maximum ? maximum : value;
}

// value * 2^bits, saturating; bits 1..30.
constexpr std::int32_t saturatingShiftLeft(std::int32_t value, std::int32_t bits) {
    const std::int32_t limit = static_cast<std::int32_t>((std::int64_t{1} << (31 - bits)) - 1);
    if (value > limit) return std::numeric_limits<std::int32_t>::max();
    if (value < -limit) return std::numeric_limits<std::int32_t>::min();
    return wrapShiftLeft(value, bits);
}

// exp(a) as Q0.31 for a <= 0 in Q`integerBits`; integerBits 4 or 5.
std::int32_t expOfNegative(std::int32_t a, std::int32_t integerBits);

// 1 / (1 + a) as Q0.31 for a in Q0.31, 0 <= a < 1, by three Newton-Raphson steps.
std::int32_t reciprocalOfOnePlus(std::int32_t a);

}  // namespace tinsmith::nn
