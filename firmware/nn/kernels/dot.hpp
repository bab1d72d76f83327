// The inner loop of convolution and dense layers.
#pragma once

#include <cstdint>

namespace tinsmith::nn {

// sum of weights[i] * (input[i] + inputOffset). Four at a time: the loop costs as much as one
// product otherwise.
inline std::int32_t dot(const std::int8_t* weights, const std::int8_t* input, std::int32_t count,
                        std::int32_t inputOffset) {
    std::int32_t sum = 0;
    std::int32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        sum += weights[i] * (input[i] + inputOffset);
        sum += weights[i + 1] * (input[i + 1] + inputOffset);
        sum += weights[i + 2] * (input[i + 2] + inputOffset);
        sum += weights[i + 3] * (input[i + 3] + inputOffset);
    }
    for (; i < count; ++i) sum += weights[i] * (input[i] + inputOffset);
    return sum;
}

}  // namespace tinsmith::nn
