// Pooling and means: neighbouring channels side by side.
#include <algorithm>

#include "firmware/nn/cores/host/kernel.hpp"
#include "firmware/nn/cores/host/loops.hpp"
#include "firmware/nn/fixed_point.hpp"
#include "firmware/nn/kernels/taps.hpp"

namespace tinsmith::nn::host {

namespace {

class Pool : public Kernel {
  public:
    explicit Pool(const PoolCall& call) : call_(call) {}

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch& scratch) const override {
        const Window2d& w = call_.window;
        std::int32_t* sums = scratch.sums(static_cast<std::size_t>(w.inChannels));
        const std::int8_t* image = inputs[0];
        const std::ptrdiff_t imageBytes = std::ptrdiff_t{w.inHeight} * w.inWidth * w.inChannels;
        for (std::int32_t batch = 0; batch < w.batches; ++batch, image += imageBytes) {
            for (std::int32_t y = 0; y < w.outHeight; ++y) {
                for (std::int32_t x = 0; x < w.outWidth; ++x, output += w.outChannels) {
                    const Part part = partAt(image, y, x);
                    if (call_.average) {
                        average(part, sums, output);
                    } else {
                        maximum(part, output);
                    }
                }
            }
        }
    }

  private:
    // What of the image a window covers.
    struct Part {
        const std::int8_t* first;
        std::int32_t height, width;
    };

    Part partAt(const std::int8_t* image, std::int32_t y, std::int32_t x) const {
        const Window2d& w = call_.window;
        const std::int32_t top = y * w.strideHeight - w.padTop;
        const std::int32_t left = x * w.strideWidth - w.padLeft;
        const Taps rows = insideTaps(top, w.kernelHeight, 1, w.inHeight);
        const Taps columns = insideTaps(left, w.kernelWidth, 1, w.inWidth);
        return {image + (std::ptrdiff_t{top + rows.first} * w.inWidth + left + columns.first) *
                            w.inChannels,
                rows.last - rows.first, columns.last - columns.first};
    }

    // Calls `each` with the channels of every place in the part.
    template <class Each>
    void forEach(const Part& part, const Each& each) const {
        const Window2d& w = call_.window;
        for (std::int32_t y = 0; y < part.height; ++y) {
            const std::int8_t* place = part.first + std::ptrdiff_t{y} * w.inWidth * w.inChannels;
            for (std::int32_t x = 0; x < part.width; ++x, place += w.inChannels) each(place);
        }
    }

    void average(const Part& part, std::int32_t* sums, std::int8_t* output) const {
        const auto channels = static_cast<std::size_t>(call_.window.inChannels);
        std::fill_n(sums, channels, 0);
        forEach(part, [&](const std::int8_t* place) { addTo(sums, place, channels); });
        const std::int32_t count = part.height * part.width;
        for (std::size_t c = 0; c < channels; ++c) {
            // To nearest, halves away from zero; 0 where all lies in the padding.
            const std::int32_t half = sums[c] > 0 ? count / 2 : -(count / 2);
            const std::int32_t mean = count == 0 ? 0 : (sums[c] + half) / count;
            output[c] =
                static_cast<std::int8_t>(clamp(mean, call_.range.minimum, call_.range.maximum));
        }
    }

    void maximum(const Part& part, std::int8_t* output) const {
        const auto channels = static_cast<std::size_t>(call_.window.inChannels);
        std::fill_n(output, channels, std::int8_t{-128});
        forEach(part, [&](const std::int8_t* place) { maximumTo(output, place, channels); });
        for (std::size_t c = 0; c < channels; ++c) {
            output[c] = static_cast<std::int8_t>(
                clamp(output[c], call_.range.minimum, call_.range.maximum));
        }
    }

    PoolCall call_;
};

class MeanOf : public Kernel {
  public:
    explicit MeanOf(const Mean& call) : call_(call) {}

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch& scratch) const override {
        const auto inner = static_cast<std::size_t>(call_.inner);
        std::int32_t* sums = scratch.sums(inner);
        const std::int8_t* input = inputs[0];
        for (std::int32_t outer = 0; outer < call_.outer; ++outer, output += inner) {
            std::fill_n(sums, inner, -call_.count * call_.inputZeroPoint);
            for (std::int32_t n = 0; n < call_.count; ++n, input += inner)
                addTo(sums, input, inner);
            for (std::size_t i = 0; i < inner; ++i) {
                const std::int32_t value = requantize(sums[i], call_.multiplier, call_.shift);
                output[i] = static_cast<std::int8_t>(
                    clamp(wrapAdd(value, call_.outputZeroPoint), -128, 127));
            }
        }
    }

  private:
    Mean call_;
};

}  // namespace

KernelPtr packPool(const PoolCall& call) {
    return std::make_unique<const Pool>(call);
}

KernelPtr packMean(const Mean& call) {
    if (call.inner < static_cast<std::int32_t>(kLanes)) return nullptr;  // sums of short rows
    return std::make_unique<const MeanOf>(call);
}

}  // namespace tinsmith::nn::host
