#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"
#include "firmware/nn/kernels/dot.hpp"

namespace tinsmith::nn {

void fullyConnected(const Dense& shape, const Range& range, const PerChannel& channels,
                    const std::int8_t* weights, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t row = 0; row < shape.rows; ++row) {
        const std::int8_t* filter = weights;
        for (std::int32_t c = 0; c < shape.outputs; ++c) {
            std::int32_t sum = dot(filter, input, shape.inputs, range.inputOffset);
            if (channels.bias != nullptr) sum = wrapAdd(sum, channels.bias[c]);
            sum = wrapAdd(requantize(sum, channels.multipliers[c], channels.shifts[c]),
                          range.outputOffset);
            *output++ = static_cast<std::int8_t>(clamp(sum, range.minimum, range.maximum));
            filter += shape.inputs;
        }
        input += shape.inputs;
    }
}

}  // namespace tinsmith::nn
