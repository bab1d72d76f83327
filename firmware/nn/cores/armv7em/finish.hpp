// The last steps of every output: requantisation with the two roundings of the portable kernels.
//   y = SMMULR(2 * sum, multiplier)                      the doubling high multiply, rounded
//   (y + (y >> 31) + 2^(shift-1) + offset * 2^shift) >> shift    halves away from zero, offset in
// exact while |sum| < 2^30 and 1 <= shift <= 22, which pack.cpp proves for each filter.
// Instructions an output: 5 (relu), 6 (full), 10 (clamp), and one to store.
#pragma once

#include <arm_acle.h>

#include <cstdint>

namespace tinsmith::nn::armv7em {

enum class Finish { relu, full, clamp };

inline std::int32_t highMultiply(std::int32_t a, std::int32_t b) {
    std::int32_t result;
    asm("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

// What is added before the shift.
inline std::int32_t roundingOf(std::int32_t offset, std::int32_t shift) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(2 * offset + 1) << (shift - 1));
}

struct Scale {
    std::int32_t multiplier, round, shift;
};

template <Finish kFinish, class Limits>
inline std::int32_t finish(std::int32_t doubled, const Scale& scale, const Limits& limits) {
    std::int32_t y = highMultiply(doubled, scale.multiplier);
    if constexpr (kFinish != Finish::relu) y += y >> 31;
    y = __ssat((y + scale.round) >> scale.shift, 8);
    if constexpr (kFinish == Finish::clamp) {
        y = y < limits.minimum ? limits.minimum : y;
        y = y > limits.maximum ? limits.maximum : y;
    }
    return y;
}

}  // namespace tinsmith::nn::armv7em
