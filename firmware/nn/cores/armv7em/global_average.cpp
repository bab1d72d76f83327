#include <arm_acle.h>

#include <cstring>

#include "firmware/nn/cores/armv7em/kernels.hpp"

namespace tinsmith::nn::armv7em {

// Four channels at a time: a load, 4 additions (with the byte taken out of the word on the way) and
// the loop for four values.
void globalAverage(const GlobalAverage& g, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t channel = 0; channel < g.channels; channel += 4, input += 4) {
        std::int32_t sums[4] = {};
        const std::int8_t* from = input;
        for (std::int32_t i = 0; i < g.count; ++i, from += g.channels) {
            std::uint32_t four;
            std::memcpy(&four, from, 4);
            for (int k = 0; k < 4; ++k) sums[k] += static_cast<std::int8_t>(four >> (8 * k));
        }
        for (const std::int32_t sum : sums) {
            std::int32_t mean = (sum > 0 ? sum + g.count / 2 : sum - g.count / 2) / g.count;
            mean = mean < g.minimum ? g.minimum : mean;
            *output++ = static_cast<std::int8_t>(mean > g.maximum ? g.maximum : mean);
        }
    }
}

}  // namespace tinsmith::nn::armv7em
