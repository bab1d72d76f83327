// Convolution: the taps of some pixels gathered to rows, these multiplied by the filters.
#include <algorithm>

#include "firmware/nn/cores/host/kernel.hpp"
#include "firmware/nn/cores/host/layer.hpp"

namespace tinsmith::nn::host {

namespace {

constexpr std::size_t kPixels = 16;  // at a time: their rows and four filters fit the first cache

// Neighbouring taps are neighbours in the plane: one long run, unless there is dilation.
Patch patchOf(const Window2d& w, const Plane& plane) {
    const auto taps = static_cast<std::size_t>(w.kernelWidth);
    const bool dense = w.dilationWidth == 1;
    return {static_cast<std::size_t>(w.kernelHeight), dense ? 1 : taps,
            dense ? taps * plane.channels : plane.channels,
            plane.at(static_cast<std::size_t>(w.dilationHeight), 0),
            plane.at(0, static_cast<std::size_t>(w.dilationWidth))};
}

class Convolution : public Kernel {
  public:
    explicit Convolution(const Conv2dCall& call)
        : window_(call.window),
          plane_(
              planeOf(call.window, call.range, static_cast<std::size_t>(call.window.inChannels))),
          patch_(patchOf(call.window, plane_)),
          filters_(call.weights, static_cast<std::size_t>(call.window.outChannels)),
          finisher_(call) {}

    bool fits() const { return plane_.count() <= kMaxPlane; }

    void run(std::span<const std::int8_t* const> inputs, std::int8_t* output,
             Scratch& scratch) const override {
        const std::int8_t* image = inputs[0];
        // Rows are read in whole lanes, so beyond the last pixel too.
        std::int16_t* plane = scratch.plane(plane_.count() + kLanes);
        std::int32_t* sums = scratch.sums(kPixels * filters_.count());
        const auto height = static_cast<std::size_t>(window_.outHeight);
        const auto width = static_cast<std::size_t>(window_.outWidth);
        const std::size_t pixels = height * width;
        for (std::int32_t batch = 0; batch < window_.batches; ++batch) {
            fill(plane_, image, plane);
            image += plane_.imageBytes();
            if (!pointwise()) {
                output = gathered(plane, pixels, scratch, sums, output);
            } else if (wholeImage()) {
                output = direct(plane, pixels, sums, output);
            } else {
                for (std::size_t y = 0; y < height; ++y)
                    output = direct(plane + start(y, 0), width, sums, output);
            }
        }
    }

  private:
    bool pointwise() const { return window_.kernelHeight == 1 && window_.kernelWidth == 1; }
    bool wholeImage() const { return window_.strideHeight == 1 && window_.strideWidth == 1; }

    std::size_t start(std::size_t y, std::size_t x) const {
        return plane_.at(y * static_cast<std::size_t>(window_.strideHeight),
                         x * static_cast<std::size_t>(window_.strideWidth));
    }

    // Neighbouring pixels of a pointwise convolution: the plane has their rows.
    std::int8_t* direct(const std::int16_t* rows, std::size_t pixels, std::int32_t* sums,
                        std::int8_t* output) const {
        const std::size_t stride = start(0, 1);
        for (std::size_t done = 0; done < pixels; done += kPixels) {
            const std::size_t some = std::min(kPixels, pixels - done);
            multiplyRows(filters_.product(), rows + done * stride, stride, some, sums);
            output = finisher_.run(sums, filters_.count(), some, output);
        }
        return output;
    }

    std::int8_t* gathered(const std::int16_t* plane, std::size_t pixels, Scratch& scratch,
                          std::int32_t* sums, std::int8_t* output) const {
        const std::size_t length = filters_.length();
        const auto width = static_cast<std::size_t>(window_.outWidth);
        std::int16_t* rows = scratch.rows(kPixels * length + kLanes);
        for (std::size_t done = 0; done < pixels; done += kPixels) {
            const std::size_t some = std::min(kPixels, pixels - done);
            for (std::size_t i = 0; i < some; ++i) {
                gather(patch_, plane + start((done + i) / width, (done + i) % width),
                       rows + i * length);
            }
            multiplyRows(filters_.product(), rows, length, some, sums);
            output = finisher_.run(sums, filters_.count(), some, output);
        }
        return output;
    }

    Window2d window_;
    Plane plane_;
    Patch patch_;
    Filters filters_;
    Finisher finisher_;
};

}  // namespace

KernelPtr packConv2d(const Conv2dCall& call) {
    const auto filters = static_cast<std::size_t>(call.window.outChannels);
    if (!filtersFit(filters, call.weights.size() / filters)) return nullptr;
    auto kernel = std::make_unique<const Convolution>(call);
    return kernel->fits() ? std::move(kernel) : nullptr;
}

}  // namespace tinsmith::nn::host
