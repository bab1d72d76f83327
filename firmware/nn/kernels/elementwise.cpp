#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"

namespace tinsmith::nn {

void clip(const Clip& shape, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t i = 0; i < shape.count; ++i) {
        output[i] = static_cast<std::int8_t>(clamp(input[i], shape.minimum, shape.maximum));
    }
}

void rescale(const Rescale& shape, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t i = 0; i < shape.count; ++i) {
        const std::int32_t value =
            requantize(input[i] + shape.inputOffset, shape.multiplier, shape.shift);
        output[i] = static_cast<std::int8_t>(clamp(wrapAdd(value, shape.outputOffset), -128, 127));
    }
}

}  // namespace tinsmith::nn
