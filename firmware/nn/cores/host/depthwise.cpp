// Depthwise convolution: neighbouring channels side by side, tap by tap.
#include <algorithm>

#include "firmware/nn/cores/host/kernel.hpp"
#include "firmware/nn/cores/host/layer.hpp"

namespace tinsmith::nn::host {

namespace {

std::size_t lanesOf(const Window2d& window) {
    return roundUp(static_cast<std::size_t>(window.outChannels), kLanes);
}

std::size_t tapsOf(const Window2d& window) {
    return static_cast<std::size_t>(window.kernelHeight) *
           static_cast<std::size_t>(window.kernelWidth);
}

class DepthwiseLayer : public Kernel {
  public:
    explicit DepthwiseLayer(const DepthwiseCall& call)
        : window_(call.window),
          plane_(planeOf(call.window, call.range, lanesOf(call.window))),
          finisher_(call) {
        const Window2d& w = window_;
        plane_.repeats = static_cast<std::size_t>(w.outChannels / w.inChannels);
        const auto filters = static_cast<std::size_t>(w.outChannels);
        weights_.resize(tapsOf(w) * plane_.channels);
        for (std::size_t tap = 0; tap < tapsOf(w); ++tap) {
            std::copy_n(call.weights.data() + tap * filters, filters,
                        weights_.data() + tap * plane_.channels);
        }
        for (std::int32_t ky = 0; ky < w.kernelHeight; ++ky) {
            for (std::int32_t kx = 0; kx < w.kernelWidth; ++kx) {
                offsets_.push_back(static_cast<std::ptrdiff_t>(
                    plane_.at(static_cast<std::size_t>(ky * w.dilationHeight),
                              static_cast<std::size_t>(kx * w.dilationWidth))));
            }
        }
    }

    bool fits() const { return plane_.count() <= kMaxPlane; }

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch& scratch) const override {
        const std::int8_t* image = inputs[0];
        std::int16_t* plane = scratch.plane(plane_.count());
        std::int32_t* sums = scratch.sums(plane_.channels);
        const Taps2d taps{weights_.data(), offsets_.data(), offsets_.size(), plane_.channels};
        const auto strideHeight = static_cast<std::size_t>(window_.strideHeight);
        const auto strideWidth = static_cast<std::size_t>(window_.strideWidth);
        for (std::int32_t batch = 0; batch < window_.batches; ++batch) {
            fill(plane_, image, plane);
            image += plane_.imageBytes();
            for (std::size_t y = 0; y < static_cast<std::size_t>(window_.outHeight); ++y) {
                for (std::size_t x = 0; x < static_cast<std::size_t>(window_.outWidth); ++x) {
                    multiplyTaps(taps, plane + plane_.at(y * strideHeight, x * strideWidth), sums);
                    finisher_.run(sums, output);
                    output += window_.outChannels;
                }
            }
        }
    }

  private:
    Window2d window_;
    Plane plane_;
    Finisher finisher_;
    std::vector<std::int16_t> weights_;  // [tap][channel], channels rounded up
    std::vector<std::ptrdiff_t> offsets_;
};

}  // namespace

KernelPtr packDepthwise(const DepthwiseCall& call) {
    if (tapsOf(call.window) * lanesOf(call.window) > kMaxWeights) return nullptr;
    auto kernel = std::make_unique<const DepthwiseLayer>(call);
    return kernel->fits() ? std::move(kernel) : nullptr;
}

}  // namespace tinsmith::nn::host
