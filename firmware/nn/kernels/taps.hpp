// Which taps of a sliding window lie inside the image.
#pragma once

#include <cstdint>

namespace tinsmith::nn {

struct Taps {
    std::int32_t first, last;  // first <= tap < last
};

// Taps t of `kernel` with 0 <= origin + t * dilation < size.
inline Taps insideTaps(std::int32_t origin, std::int32_t kernel, std::int32_t dilation,
                       std::int32_t size) {
    const std::int32_t first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    const std::int32_t room = size - origin;  // taps below room / dilation, rounded up
    const std::int32_t fit = room > 0 ? (room + dilation - 1) / dilation : 0;
    return {first, fit < kernel ? fit : kernel};
}

}  // namespace tinsmith::nn
