#include "firmware/nn/fixed_point.hpp"

namespace tinsmith::nn {

namespace {

constexpr std::int32_t kOne = std::numeric_limits<std::int32_t>::max();  // 1.0 in Q0.31

// exp(a) for -1/4 <= a < 0 in Q0.31: Taylor of fourth order around -1/8.
std::int32_t expNearZero(std::int32_t a) {
    constexpr std::int32_t kExpOfMinusEighth = 1895147668;
    constexpr std::int32_t kThird = 715827883;
    const std::int32_t x = a + (1 << 28);
    const std::int32_t x2 = roundingHighMultiply(x, x);
    const std::int32_t x3 = roundingHighMultiply(x2, x);
    const std::int32_t x4 = roundingHighMultiply(x2, x2);
    const std::int32_t cubic = roundingHighMultiply(roundingShiftRight(x4, 2) + x3, kThird) + x2;
    return kExpOfMinusEighth +
           roundingHighMultiply(kExpOfMinusEighth, x + roundingShiftRight(cubic, 1));
}

}  // namespace

std::int32_t expOfNegative(std::int32_t a, std::int32_t integerBits) {
    if (a == 0) return kOne;
    const std::int32_t fractionBits = 31 - integerBits;
    const std::int32_t quarter = 1 << (fractionBits - 2);
    const std::int32_t modulo = (a & (quarter - 1)) - quarter;  // -1/4 <= modulo < 0
    std::int32_t result = expNearZero(saturatingShiftLeft(modulo, integerBits));
    // exp(-2^i) for i = -2 .. 4: one factor for every bit of what is left.
    constexpr std::int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                         39332535,   720401,     242};
    const std::int32_t remainder = modulo - a;
    for (std::int32_t i = -2; i < integerBits; ++i) {
        if (remainder & (1 << (fractionBits + i))) {
            result = roundingHighMultiply(result, kFactors[i + 2]);
        }
    }
    return result;
}

std::int32_t reciprocalOfOnePlus(std::int32_t a) {
    constexpr std::int32_t k48Over17 = 1515870810;        // Q2.29
    constexpr std::int32_t kMinus32Over17 = -1010580540;  // Q2.29
    const std::int32_t half =
        static_cast<std::int32_t>((static_cast<std::int64_t>(a) + kOne + 1) / 2);
    std::int32_t x = k48Over17 + roundingHighMultiply(half, kMinus32Over17);
    for (int step = 0; step < 3; ++step) {
        const std::int32_t rest = (1 << 29) - roundingHighMultiply(half, x);
        x += saturatingShiftLeft(roundingHighMultiply(x, rest), 2);
    }
    return saturatingShiftLeft(x, 1);
}

}  // namespace tinsmith::nn
