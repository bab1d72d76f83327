#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"

namespace tinsmith::nn {

namespace {

// exp(scale * difference) as Q0.31 for difference <= 0.
std::int32_t expOfDifference(const Softmax& s, std::int32_t difference) {
    const std::int32_t scaled =
        roundingHighMultiply(wrapShiftLeft(difference, s.leftShift), s.multiplier);
    return expOfNegative(scaled, 5);
}

}  // namespace

void softmax(const Softmax& shape, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t row = 0; row < shape.rows; ++row) {
        std::int32_t most = -128;
        for (std::int32_t i = 0; i < shape.depth; ++i) most = input[i] > most ? input[i] : most;

        std::int32_t sum = 0;  // Q12.19
        for (std::int32_t i = 0; i < shape.depth; ++i) {
            const std::int32_t difference = input[i] - most;
            if (difference < shape.smallestDifference) continue;
            sum += roundingShiftRight(expOfDifference(shape, difference), 12);
        }
        // sum = (1 + fraction) * 2^n; its reciprocal is 1 / (1 + fraction) / 2^n.
        const std::int32_t headroom = std::countl_zero(static_cast<std::uint32_t>(sum));
        const auto fraction = static_cast<std::int32_t>(
            (static_cast<std::uint32_t>(sum) << headroom) - (std::uint32_t{1} << 31));
        const std::int32_t reciprocal = reciprocalOfOnePlus(fraction);
        const std::int32_t exponent = 12 - headroom + 31 - 8;

        for (std::int32_t i = 0; i < shape.depth; ++i) {
            const std::int32_t difference = input[i] - most;
            std::int32_t value = -128;
            if (difference >= shape.smallestDifference) {
                const std::int32_t scaled =
                    roundingHighMultiply(reciprocal, expOfDifference(shape, difference));
                // Beyond 31 places nothing is left: a row of more than 511 nearly equal values.
                const std::int32_t share = exponent > 31 ? 0 : roundingShiftRight(scaled, exponent);
                value = clamp(share - 128, -128, 127);
            }
            output[i] = static_cast<std::int8_t>(value);
        }
        input += shape.depth;
        output += shape.depth;
    }
}

}  // namespace tinsmith::nn
