// SAME padding by TFLite's rule: the odd row or column goes to the end.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tinsmith::train {

struct Padding {
    std::int64_t before = 0;
    std::int64_t after = 0;
};

inline Padding samePadding(std::int64_t size, std::int64_t kernel, std::int64_t stride) {
    const std::int64_t outputs = (size + stride - 1) / stride;
    const std::int64_t missing = std::max<std::int64_t>((outputs - 1) * stride + kernel - size, 0);
    return {missing / 2, missing - missing / 2};
}

}  // namespace tinsmith::train
