#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"

namespace tinsmith::nn {

void mean(const Mean& shape, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t outer = 0; outer < shape.outer; ++outer) {
        for (std::int32_t i = 0; i < shape.inner; ++i) {
            std::int32_t sum = -shape.count * shape.inputZeroPoint;
            const std::int8_t* value = input + i;
            for (std::int32_t n = 0; n < shape.count; ++n, value += shape.inner) sum += *value;
            sum = wrapAdd(requantize(sum, shape.multiplier, shape.shift), shape.outputZeroPoint);
            *output++ = static_cast<std::int8_t>(clamp(sum, -128, 127));
        }
        input += shape.count * shape.inner;
    }
}

}  // namespace tinsmith::nn
