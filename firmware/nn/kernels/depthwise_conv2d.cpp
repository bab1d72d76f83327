#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"
#include "firmware/nn/kernels/taps.hpp"

namespace tinsmith::nn {

namespace {

std::int32_t sumOfTaps(const Window2d& w, std::int32_t inputOffset, Taps rows, Taps columns,
                       std::int32_t top, std::int32_t left, const std::int8_t* weights,
                       const std::int8_t* plane) {
    std::int32_t sum = 0;
    for (std::int32_t ky = rows.first; ky < rows.last; ++ky) {
        const std::int8_t* line =
            plane + ((top + ky * w.dilationHeight) * w.inWidth + left) * w.inChannels;
        const std::int8_t* taps = weights + ky * w.kernelWidth * w.outChannels;
        for (std::int32_t kx = columns.first; kx < columns.last; ++kx) {
            sum += taps[kx * w.outChannels] *
                   (line[kx * w.dilationWidth * w.inChannels] + inputOffset);
        }
    }
    return sum;
}

}  // namespace

void depthwiseConv2d(const Window2d& window, const Range& range, const PerChannel& channels,
                     const std::int8_t* weights, const std::int8_t* input, std::int8_t* output) {
    const Window2d w = window;
    const std::int32_t multiplier = w.outChannels / w.inChannels;
    for (std::int32_t batch = 0; batch < w.batches; ++batch) {
        const std::int8_t* image = input + batch * w.inHeight * w.inWidth * w.inChannels;
        for (std::int32_t y = 0; y < w.outHeight; ++y) {
            const std::int32_t top = y * w.strideHeight - w.padTop;
            const Taps rows = insideTaps(top, w.kernelHeight, w.dilationHeight, w.inHeight);
            for (std::int32_t x = 0; x < w.outWidth; ++x) {
                const std::int32_t left = x * w.strideWidth - w.padLeft;
                const Taps columns = insideTaps(left, w.kernelWidth, w.dilationWidth, w.inWidth);
                for (std::int32_t c = 0; c < w.outChannels; ++c) {
                    std::int32_t sum = sumOfTaps(w, range.inputOffset, rows, columns, top, left,
                                                 weights + c, image + c / multiplier);
                    if (channels.bias != nullptr) sum = wrapAdd(sum, channels.bias[c]);
                    sum = wrapAdd(requantize(sum, channels.multipliers[c], channels.shifts[c]),
                                  range.outputOffset);
                    *output++ = static_cast<std::int8_t>(clamp(sum, range.minimum, range.maximum));
                }
            }
        }
    }
}

}  // namespace tinsmith::nn
