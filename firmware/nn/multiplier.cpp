#include <algorithm>
#include <cmath>

#include "firmware/nn/prepare.hpp"

namespace tinsmith::nn {

Scaled quantizeMultiplier(double real) {
    if (!(real > 0)) return {0, 0};
    int shift = 0;
    auto multiplier =
        static_cast<std::int64_t>(std::round(std::frexp(real, &shift) * 2147483648.0));
    if (multiplier == std::int64_t{1} << 31) {
        multiplier /= 2;
        ++shift;
    }
    if (shift < -31) return {0, 0};
    return {static_cast<std::int32_t>(multiplier), shift};
}

Limits activationLimits(Activation activation, float scale, std::int32_t zeroPoint) {
    const auto quantized = [&](float value) {
        const float steps = std::clamp(std::round(value / scale), -1024.0F, 1024.0F);
        return std::clamp(zeroPoint + static_cast<std::int32_t>(steps), -128, 127);
    };
    switch (activation) {
        case Activation::none:
            break;
        case Activation::relu:
            return {quantized(0.0F), 127};
        case Activation::relu6:
            return {quantized(0.0F), quantized(6.0F)};
    }
    return {-128, 127};
}

}  // namespace tinsmith::nn
