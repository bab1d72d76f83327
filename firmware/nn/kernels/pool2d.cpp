#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels.hpp"
#include "firmware/nn/kernels/taps.hpp"

namespace tinsmith::nn {

namespace {

struct AverageOf {
    std::int32_t sum = 0;
    void take(std::int32_t value) { sum += value; }
    // Rounded to nearest, halves away from zero. A window wholly in the padding yields 0.
    std::int32_t result(std::int32_t count) const {
        if (count == 0) return 0;
        return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
    }
};

struct MaximumOf {
    std::int32_t most = -128;
    void take(std::int32_t value) { most = value > most ? value : most; }
    std::int32_t result(std::int32_t) const { return most; }
};

template <class Reduction>
void pool2d(const Window2d& w, const Range& range, const std::int8_t* input, std::int8_t* output) {
    for (std::int32_t batch = 0; batch < w.batches; ++batch) {
        const std::int8_t* image = input + batch * w.inHeight * w.inWidth * w.inChannels;
        for (std::int32_t y = 0; y < w.outHeight; ++y) {
            const std::int32_t top = y * w.strideHeight - w.padTop;
            const Taps rows = insideTaps(top, w.kernelHeight, 1, w.inHeight);
            for (std::int32_t x = 0; x < w.outWidth; ++x) {
                const std::int32_t left = x * w.strideWidth - w.padLeft;
                const Taps columns = insideTaps(left, w.kernelWidth, 1, w.inWidth);
                const std::int32_t width = columns.last - columns.first;
                const std::int32_t count = (rows.last - rows.first) * width;
                for (std::int32_t c = 0; c < w.outChannels; ++c) {
                    Reduction reduction;
                    for (std::int32_t ky = rows.first; ky < rows.last; ++ky) {
                        const std::int8_t* tap =
                            image + ((top + ky) * w.inWidth + left + columns.first) * w.inChannels +
                            c;
                        for (std::int32_t i = 0; i < width; ++i, tap += w.inChannels) {
                            reduction.take(*tap);
                        }
                    }
                    *output++ = static_cast<std::int8_t>(
                        clamp(reduction.result(count), range.minimum, range.maximum));
                }
            }
        }
    }
}

}  // namespace

void averagePool2d(const Window2d& window, const Range& range, const std::int8_t* input,
                   std::int8_t* output) {
    pool2d<AverageOf>(window, range, input, output);
}

void maxPool2d(const Window2d& window, const Range& range, const std::int8_t* input,
               std::int8_t* output) {
    pool2d<MaximumOf>(window, range, input, output);
}

}  // namespace tinsmith::nn
