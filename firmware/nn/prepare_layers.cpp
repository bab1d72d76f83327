// Convolutions, dense layers and pooling.
#include <algorithm>
#include <cmath>

#include "firmware/nn/prepare_context.hpp"

namespace tinsmith::nn {

namespace {

// SAME padding of TensorFlow: what is missing for ceil(size / stride) outputs, the odd one behind.
std::int32_t paddingBefore(std::int64_t size, std::int64_t out, std::int64_t stride,
                           std::int64_t extent) {
    return static_cast<std::int32_t>(std::max<std::int64_t>(0, (out - 1) * stride + extent - size) /
                                     2);
}

std::int64_t outputSize(Padding padding, std::int64_t size, std::int64_t stride,
                        std::int64_t extent) {
    if (padding == Padding::same) return (size + stride - 1) / stride;
    return size < extent ? 0 : (size - extent) / stride + 1;
}

std::vector<std::int8_t> int8Values(const Tensor& tensor) {
    std::vector<std::int8_t> values(tensor.data.size());
    std::transform(tensor.data.begin(), tensor.data.end(), values.begin(),
                   [](std::uint8_t byte) { return static_cast<std::int8_t>(byte); });
    return values;
}

// Checks weights and bias and computes how accumulators become int8. `singleScale` = the product of
// input and weight scale is taken in float, as TFLM does for dense layers with one weight scale.
Expected<void> takeWeights(const Context& c, std::int32_t channels, std::int32_t channelAxis,
                           bool singleScale, Weighted& call) {
    const Tensor& input = c.input(0);
    const Tensor& weights = c.input(1);
    const Tensor& output = c.output();
    if (!weights.constant || weights.type != Type::int8)
        return unsupported("weights must be constant int8");
    const std::size_t count = weights.scales.size();
    if (count == 0) return unsupported("weights are not quantised");
    if (count != 1 && count != static_cast<std::size_t>(channels)) {
        return damaged("weights need one scale or one for each of " + std::to_string(channels) +
                       " channels");
    }
    if (count > 1 && weights.channelAxis != channelAxis) {
        return unsupported("weights are quantised along the wrong dimension");
    }
    if (weights.zeroPoint != 0) return unsupported("weights must have zero point 0");
    call.weights = int8Values(weights);
    if (c.hasInput(2)) {
        const Tensor& bias = c.input(2);
        if (!bias.constant || bias.type != Type::int32)
            return unsupported("the bias must be constant int32");
        if (elementCount(bias) != channels) {
            return damaged("the bias has " + std::to_string(elementCount(bias)) + " values for " +
                           std::to_string(channels) + " channels");
        }
        call.bias = int32Values(bias);
    }
    for (std::int32_t channel = 0; channel < channels; ++channel) {
        const float scale = weights.scales[count == 1 ? 0 : static_cast<std::size_t>(channel)];
        if (!std::isfinite(scale) || scale <= 0) return damaged("weights need positive scales");
        const double product = singleScale && count == 1
                                   ? static_cast<double>(input.scales[0] * scale)
                                   : static_cast<double>(input.scales[0]) * scale;
        const auto [multiplier, shift] =
            quantizeMultiplier(product / static_cast<double>(output.scales[0]));
        if (shift > 30) return unsupported("the scales are too far apart");
        call.multipliers.push_back(multiplier);
        call.shifts.push_back(static_cast<std::int8_t>(shift));
    }
    call.range = rangeOf(input, output, c.options().activation);
    return {};
}

}  // namespace

Expected<Window2d> slide(const Context& c, std::int32_t kernelHeight, std::int32_t kernelWidth,
                         std::int32_t outChannels) {
    const Options& o = c.options();
    const Tensor& input = c.input(0);
    if (input.shape.size() != 4) return damaged("the input must have 4 dimensions");
    for (const std::int32_t value : {kernelHeight, kernelWidth, o.strideHeight, o.strideWidth,
                                     o.dilationHeight, o.dilationWidth}) {
        if (value < 1) return damaged("kernel, stride or dilation is less than 1");
        if (value > 65536) return unsupported("kernel, stride or dilation is too large");
    }
    const std::int64_t height = std::int64_t{kernelHeight - 1} * o.dilationHeight + 1;
    const std::int64_t width = std::int64_t{kernelWidth - 1} * o.dilationWidth + 1;
    if (height > kMaxTaps || width > kMaxTaps) return unsupported("the kernel is too large");
    Window2d w{};
    w.batches = input.shape[0];
    w.inHeight = input.shape[1];
    w.inWidth = input.shape[2];
    w.inChannels = input.shape[3];
    w.outHeight =
        static_cast<std::int32_t>(outputSize(o.padding, w.inHeight, o.strideHeight, height));
    w.outWidth = static_cast<std::int32_t>(outputSize(o.padding, w.inWidth, o.strideWidth, width));
    w.outChannels = outChannels;
    w.kernelHeight = kernelHeight;
    w.kernelWidth = kernelWidth;
    w.strideHeight = o.strideHeight;
    w.strideWidth = o.strideWidth;
    w.dilationHeight = o.dilationHeight;
    w.dilationWidth = o.dilationWidth;
    if (o.padding == Padding::same) {
        w.padTop = paddingBefore(w.inHeight, w.outHeight, o.strideHeight, height);
        w.padLeft = paddingBefore(w.inWidth, w.outWidth, o.strideWidth, width);
    }
    if (auto ok = needShape(c.output(), {w.batches, w.outHeight, w.outWidth, outChannels}); !ok) {
        return refuse(ok.error());
    }
    return w;
}

Expected<Call> prepareConv2d(const Context& c) {
    const auto& filter = c.input(1).shape;
    if (filter.size() != 4) return damaged("weights must have 4 dimensions");
    Conv2dCall call;
    auto window = slide(c, filter[1], filter[2], filter[0]);
    if (!window) return refuse(window.error());
    call.window = *window;
    if (filter[3] != window->inChannels) {
        if (window->inChannels % filter[3] == 0)
            return unsupported("grouped convolution is not supported");
        return damaged("weights of " + std::to_string(filter[3]) +
                       " channels do not fit an input of " + std::to_string(window->inChannels));
    }
    if (std::int64_t{filter[1]} * filter[2] * filter[3] > kMaxTaps) {
        return unsupported("more than " + std::to_string(kMaxTaps) + " weights in a filter");
    }
    if (auto ok = takeWeights(c, filter[0], 0, false, call); !ok) return refuse(ok.error());
    return call;
}

Expected<Call> prepareDepthwise(const Context& c) {
    const auto& filter = c.input(1).shape;
    if (filter.size() != 4 || filter[0] != 1)
        return damaged("weights must be 1 x h x w x channels");
    DepthwiseCall call;
    auto window = slide(c, filter[1], filter[2], filter[3]);
    if (!window) return refuse(window.error());
    call.window = *window;
    if (filter[3] % window->inChannels != 0 ||
        filter[3] / window->inChannels != c.options().depthMultiplier) {
        return damaged("channels do not match the depth multiplier");
    }
    if (std::int64_t{filter[1]} * filter[2] > kMaxTaps)
        return unsupported("the kernel is too large");
    if (auto ok = takeWeights(c, filter[3], 3, false, call); !ok) return refuse(ok.error());
    return call;
}

Expected<Call> prepareDense(const Context& c) {
    const auto& weights = c.input(1).shape;
    if (weights.size() != 2) return damaged("weights must have 2 dimensions");
    DenseCall call;
    const std::int64_t elements = elementCount(c.input(0));
    if (weights[1] > kMaxTaps) return unsupported("more than 65536 inputs");
    if (elements % weights[1] != 0) return damaged("the input does not fit the weights");
    call.shape = {static_cast<std::int32_t>(elements / weights[1]), weights[1], weights[0]};
    std::vector<std::int32_t> expected = {call.shape.rows, weights[0]};
    if (c.options().keepDimensions) {
        if (c.input(0).shape.empty() || c.input(0).shape.back() != weights[1])
            return damaged("the input's last dimension does not fit the weights");
        expected = c.input(0).shape;
        expected.back() = weights[0];
    }
    if (auto ok = needShape(c.output(), expected); !ok) return refuse(ok.error());
    if (auto ok = takeWeights(c, weights[0], 0, true, call); !ok) return refuse(ok.error());
    return call;
}

Expected<Call> preparePool(const Context& c, bool average) {
    PoolCall call;
    call.average = average;
    const auto& shape = c.input(0).shape;
    if (shape.size() != 4) return damaged("the input must have 4 dimensions");
    const Options& o = c.options();
    if (o.dilationHeight != 1 || o.dilationWidth != 1)
        return unsupported("pooling has no dilation");
    auto window = slide(c, o.filterHeight, o.filterWidth, shape[3]);
    if (!window) return refuse(window.error());
    if (std::int64_t{o.filterHeight} * o.filterWidth > 1 << 22)
        return unsupported("the window is too large");
    call.window = *window;
    if (auto ok = needSameScale(c.input(0), c.output()); !ok) return refuse(ok.error());
    call.range = rangeOf(c.input(0), c.output(), o.activation);
    return call;
}

}  // namespace tinsmith::nn
