#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"
#include "firmware/nn/kernels/dot.hpp"
#include "firmware/nn/kernels/taps.hpp"

namespace tinsmith::nn {

namespace {

// Sum over the taps inside the image. Padding adds nothing: it stands for the input's zero point.
std::int32_t sumOfTaps(const Window2d& w, std::int32_t inputOffset, Taps rows, Taps columns,
                       std::int32_t top, std::int32_t left, const std::int8_t* filter,
                       const std::int8_t* image) {
    std::int32_t sum = 0;
    for (std::int32_t ky = rows.first; ky < rows.last; ++ky) {
        const std::int8_t* line = image + (top + ky * w.dilationHeight) * w.inWidth * w.inChannels;
        const std::int8_t* taps = filter + ky * w.kernelWidth * w.inChannels;
        if (w.dilationWidth == 1) {  // neighbouring taps are neighbours in memory: one long run
            sum += dot(taps + columns.first * w.inChannels,
                       line + (left + columns.first) * w.inChannels,
                       (columns.last - columns.first) * w.inChannels, inputOffset);
            continue;
        }
        for (std::int32_t kx = columns.first; kx < columns.last; ++kx) {
            sum +=
                dot(taps + kx * w.inChannels, line + (left + kx * w.dilationWidth) * w.inChannels,
                    w.inChannels, inputOffset);
        }
    }
    return sum;
}

}  // namespace

void conv2d(const Window2d& window, const Range& range, const PerChannel& channels,
            const std::int8_t* weights, const std::int8_t* input, std::int8_t* output) {
    const Window2d w = window;
    const std::int32_t filterSize = w.kernelHeight * w.kernelWidth * w.inChannels;
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
                                                 weights + c * filterSize, image);
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
