// Depthwise convolution: neighbouring channels side by side, tap by tap. Where they do not fill
// whole lanes, all the pixels of a line side by side, if these are neighbours in the input too.
#include <algorithm>

#include "firmware/nn/cores/host/kernel.hpp"
#include "firmware/nn/cores/host/layer.hpp"

namespace tinsmith::nn::host {

namespace {

// Which values are multiplied side by side.
struct Abreast {
    std::size_t filters;  // of a pixel
    std::size_t pixels;   // one, or a whole line
    std::size_t lanes;    // both, rounded up
    std::size_t taps;
};

Abreast abreastOf(const Window2d& w) {
    const auto filters = static_cast<std::size_t>(w.outChannels);
    const bool line = w.strideWidth == 1 && filters % kLanes != 0;
    const std::size_t pixels = line ? static_cast<std::size_t>(w.outWidth) : 1;
    return {filters, pixels, roundUp(pixels * filters, kLanes),
            static_cast<std::size_t>(w.kernelHeight) * static_cast<std::size_t>(w.kernelWidth)};
}

class DepthwiseLayer : public Kernel {
  public:
    explicit DepthwiseLayer(const DepthwiseCall& call)
        : window_(call.window),
          abreast_(abreastOf(call.window)),
          plane_(planeOf(call.window, call.range,
                         abreast_.pixels == 1 ? abreast_.lanes : abreast_.filters)),
          finisher_(call) {
        const Window2d& w = window_;
        plane_.repeats = static_cast<std::size_t>(w.outChannels / w.inChannels);
        weights_.resize(abreast_.taps * abreast_.lanes);
        for (std::size_t tap = 0; tap < abreast_.taps; ++tap) {
            const std::int8_t* from = call.weights.data() + tap * abreast_.filters;
            std::int16_t* to = weights_.data() + tap * abreast_.lanes;
            for (std::size_t pixel = 0; pixel < abreast_.pixels; ++pixel)
                to = std::copy_n(from, abreast_.filters, to);
        }
        const auto down = static_cast<std::size_t>(w.dilationHeight);
        const auto right = static_cast<std::size_t>(w.dilationWidth);
        const auto width = static_cast<std::size_t>(w.kernelWidth);
        for (std::size_t tap = 0; tap < abreast_.taps; ++tap) {
            offsets_.push_back(
                static_cast<std::ptrdiff_t>(plane_.at(tap / width * down, tap % width * right)));
        }
    }

    bool fits() const { return plane_.count() <= kMaxPlane; }

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch& scratch) const override {
        const auto height = static_cast<std::size_t>(window_.outHeight);
        const auto width = static_cast<std::size_t>(window_.outWidth);
        const auto strideHeight = static_cast<std::size_t>(window_.strideHeight);
        const auto strideWidth = static_cast<std::size_t>(window_.strideWidth);
        const std::int8_t* image = inputs[0];
        // Lines are read and sums written in whole lanes, so beyond the last ones too.
        std::int16_t* plane = scratch.plane(plane_.count() + kLanes);
        std::int32_t* sums = scratch.sums(width * abreast_.filters + kLanes);
        const Taps2d taps{weights_.data(), offsets_.data(), abreast_.taps, abreast_.lanes};
        for (std::int32_t batch = 0; batch < window_.batches; ++batch) {
            fill(plane_, image, plane);
            image += plane_.imageBytes();
            for (std::size_t y = 0; y < height; ++y) {
                for (std::size_t x = 0; x < width; x += abreast_.pixels) {
                    multiplyTaps(taps, plane + plane_.at(y * strideHeight, x * strideWidth),
                                 sums + x * abreast_.filters);
                }
                output = finisher_.run(sums, abreast_.filters, width, output);
            }
        }
    }

  private:
    Window2d window_;
    Abreast abreast_;
    Plane plane_;
    Finisher finisher_;
    std::vector<std::int16_t> weights_;  // [tap][lane]
    std::vector<std::ptrdiff_t> offsets_;
};

}  // namespace

KernelPtr packDepthwise(const DepthwiseCall& call) {
    const Abreast abreast = abreastOf(call.window);
    if (abreast.taps * abreast.lanes > kMaxWeights) return nullptr;
    auto kernel = std::make_unique<const DepthwiseLayer>(call);
    return kernel->fits() ? std::move(kernel) : nullptr;
}

}  // namespace tinsmith::nn::host
