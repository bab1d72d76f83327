#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"

namespace tinsmith::nn {

namespace {

// 1 / (1 + exp(-a)) as Q0.31 for a in Q4.27.
std::int32_t logisticOf(std::int32_t a) {
    if (a == 0) return 1 << 30;
    const std::int32_t positive = reciprocalOfOnePlus(expOfNegative(a > 0 ? -a : a, 4));
    return a > 0 ? positive : std::numeric_limits<std::int32_t>::max() - positive;
}

}  // namespace

void logistic(const Logistic& shape, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t i = 0; i < shape.count; ++i) {
        const std::int32_t value = input[i] - shape.inputZeroPoint;
        std::int32_t result = 0;
        if (value <= -shape.radius) {
            result = -128;
        } else if (value >= shape.radius) {
            result = 127;
        } else {
            const std::int32_t scaled = requantize(value, shape.multiplier, shape.shift);
            result = clamp(roundingShiftRight(logisticOf(scaled), 23) - 128, -128, 127);
        }
        output[i] = static_cast<std::int8_t>(result);
    }
}

}  // namespace tinsmith::nn
