#include "firmware/nn/cores/host/layer.hpp"

#include <algorithm>

namespace tinsmith::nn::host {

namespace {

// Rows shorter than this are finished together: vector loops need room.
constexpr std::size_t kLongRow = 64;

}  // namespace

Finisher::Finisher(const Weighted& call)
    : channels_(call.multipliers.size()),
      rowsAtOnce_(std::max<std::size_t>(1, kLongRow / channels_)),
      range_(call.range) {
    for (std::size_t row = 0; row < rowsAtOnce_; ++row) {
        for (std::size_t channel = 0; channel < channels_; ++channel) {
            biases_.push_back(call.bias.empty() ? 0 : call.bias[channel]);
            multipliers_.push_back(call.multipliers[channel]);
            left_.push_back(std::max<std::int32_t>(call.shifts[channel], 0));
            right_.push_back(std::max(-call.shifts[channel], 0));
        }
    }
}

std::int8_t* Finisher::run(const std::int32_t* sums, std::size_t stride, std::size_t rows,
                           std::int8_t* output) const {
    const Finish tables{biases_.data(),      multipliers_.data(), left_.data(),  right_.data(),
                        range_.outputOffset, range_.minimum,      range_.maximum};
    const std::size_t most = stride == channels_ ? rowsAtOnce_ : 1;
    for (std::size_t done = 0; done < rows; done += most, sums += most * stride) {
        const std::size_t count = std::min(most, rows - done) * channels_;
        finishRow(tables, sums, count, output);
        output += count;
    }
    return output;
}

Filters::Filters(const std::vector<std::int8_t>& weights, std::size_t count)
    : count_(roundUp(count, kFilters)), length_(roundUp(weights.size() / count, kLanes)) {
    const std::size_t own = weights.size() / count;
    weights_.resize(count_ * length_);
    for (std::size_t filter = 0; filter < count; ++filter) {
        std::copy_n(weights.data() + filter * own, own, weights_.data() + filter * length_);
    }
}

bool filtersFit(std::size_t count, std::size_t length) {
    return roundUp(count, kFilters) * roundUp(length, kLanes) <= kMaxWeights;
}

Plane planeOf(const Window2d& w, const Range& range, std::size_t channels) {
    // As far as the last tap of the last window, or the image where that is larger.
    const auto extent = [](std::int32_t out, std::int32_t stride, std::int32_t kernel,
                           std::int32_t dilation, std::int32_t before, std::int32_t size) {
        const std::int64_t taps =
            std::int64_t{out - 1} * stride + std::int64_t{kernel - 1} * dilation + 1;
        return static_cast<std::size_t>(std::max(taps, std::int64_t{before} + size));
    };
    Plane plane{};
    plane.height =
        extent(w.outHeight, w.strideHeight, w.kernelHeight, w.dilationHeight, w.padTop, w.inHeight);
    plane.width =
        extent(w.outWidth, w.strideWidth, w.kernelWidth, w.dilationWidth, w.padLeft, w.inWidth);
    plane.channels = channels;
    plane.top = static_cast<std::size_t>(w.padTop);
    plane.left = static_cast<std::size_t>(w.padLeft);
    plane.inHeight = static_cast<std::size_t>(w.inHeight);
    plane.inWidth = static_cast<std::size_t>(w.inWidth);
    plane.inChannels = static_cast<std::size_t>(w.inChannels);
    plane.inputOffset = range.inputOffset;
    return plane;
}

namespace {

// One place after the other, where the plane's channels are not the image's.
void spread(const Plane& plane, const std::int8_t* line, std::int16_t* to) {
    for (std::size_t x = 0; x < plane.inWidth; ++x, to += plane.channels) {
        std::int16_t* place = to;
        for (std::size_t c = 0; c < plane.inChannels; ++c, ++line) {
            place = std::fill_n(place, plane.repeats,
                                static_cast<std::int16_t>(*line + plane.inputOffset));
        }
    }
}

}  // namespace

void fill(const Plane& plane, const std::int8_t* image, std::int16_t* to) {
    const std::size_t line = plane.inWidth * plane.inChannels;
    if (plane.channels == plane.inChannels && plane.width == plane.inWidth &&
        plane.height == plane.inHeight) {
        widen(image, plane.inputOffset, line * plane.inHeight, to);
        return;
    }
    std::fill_n(to, plane.at(plane.top, 0), std::int16_t{0});
    for (std::size_t y = 0; y < plane.inHeight; ++y, image += line) {
        std::int16_t* begin = to + plane.at(plane.top + y, 0);
        std::int16_t* own = begin + plane.left * plane.channels;
        std::fill(begin, own, std::int16_t{0});
        if (plane.channels == plane.inChannels) {
            widen(image, plane.inputOffset, line, own);
        } else {
            spread(plane, image, own);
        }
        std::fill(own + plane.inWidth * plane.channels, begin + plane.width * plane.channels,
                  std::int16_t{0});
    }
    std::fill(to + plane.at(plane.top + plane.inHeight, 0), to + plane.count(), std::int16_t{0});
}

}  // namespace tinsmith::nn::host
