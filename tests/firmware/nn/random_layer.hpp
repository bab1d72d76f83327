// One random layer as a network: shapes, strides, padding, ranges and scales that models may have,
// odd ones above all.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "firmware/nn/graph.hpp"

namespace tinsmith::test {

class RandomLayer {
  public:
    explicit RandomLayer(std::mt19937& random) : random_(random) {}

    int between(int low, int high) {
        return std::uniform_int_distribution<int>(low, high)(random_);
    }
    float scale(float low, float high) {
        return std::exp(
            std::uniform_real_distribution<float>(std::log(low), std::log(high))(random_));
    }

    std::int32_t activation(std::vector<std::int32_t> shape, float size) {
        nn::Tensor tensor;
        tensor.shape = std::move(shape);
        tensor.scales = {size};
        tensor.zeroPoint = between(0, 2) == 0 ? -128 : between(-128, 127);
        return push(std::move(tensor));
    }

    // `channels` along the axis; one scale a channel, or one for all.
    std::int32_t weights(std::vector<std::int32_t> shape, int channels, int axis) {
        nn::Tensor tensor;
        tensor.shape = std::move(shape);
        tensor.constant = true;
        tensor.channelAxis = axis;
        const auto count = static_cast<std::size_t>(nn::elementCount(tensor));
        for (std::size_t i = 0; i < count; ++i)
            tensor.data.push_back(static_cast<std::uint8_t>(between(-127, 127)));
        const int scales = between(0, 3) == 0 ? 1 : channels;
        for (int i = 0; i < scales; ++i) tensor.scales.push_back(scale(0.002F, 0.02F));
        return push(std::move(tensor));
    }

    std::int32_t bias(int channels, int most = 20000) {
        std::vector<std::int32_t> values;
        for (int i = 0; i < channels; ++i) values.push_back(between(-most, most));
        return integers({channels}, values);
    }

    std::int32_t integers(std::vector<std::int32_t> shape,
                          const std::vector<std::int32_t>& values) {
        nn::Tensor tensor;
        tensor.type = nn::Type::int32;
        tensor.shape = std::move(shape);
        tensor.constant = true;
        for (const std::int32_t value : values) {
            for (int shift = 0; shift < 32; shift += 8)
                tensor.data.push_back(
                    static_cast<std::uint8_t>(static_cast<std::uint32_t>(value) >> shift));
        }
        return push(std::move(tensor));
    }

    nn::Activation fused() {
        const int which = between(0, 3);
        return which == 0   ? nn::Activation::none
               : which == 3 ? nn::Activation::relu6
                            : nn::Activation::relu;
    }

    void convolution(bool depthwise) {
        const int height = between(1, 14);
        const int width = between(1, 14);
        const int in = between(1, 9);
        const int multiplier = depthwise && between(0, 3) == 0 ? between(2, 3) : 1;
        const int out = depthwise ? in * multiplier : between(1, 11);
        const bool three = between(0, 2) > 0;
        const bool point = !depthwise && between(0, 3) == 0;
        const int kernelHeight = point ? 1 : three ? 3 : between(1, std::min(6, height));
        const int kernelWidth = point ? 1 : three ? 3 : between(1, std::min(6, width));
        nn::Operator op;
        op.op = depthwise ? nn::Op::depthwiseConv2d : nn::Op::conv2d;
        op.options.activation = fused();
        op.options.strideHeight = between(1, 3);
        op.options.strideWidth = between(0, 2) > 0 ? op.options.strideHeight : between(1, 3);
        op.options.depthMultiplier = multiplier;
        const bool fits = kernelHeight <= height && kernelWidth <= width;
        op.options.padding = fits && between(0, 1) == 0 ? nn::Padding::valid : nn::Padding::same;
        const bool valid = op.options.padding == nn::Padding::valid;
        const auto size = [&](int from, int kernel, int stride) {
            return valid ? (from - kernel) / stride + 1 : (from + stride - 1) / stride;
        };
        const auto input = activation({1, height, width, in}, scale(0.01F, 0.1F));
        const auto filter = depthwise ? weights({1, kernelHeight, kernelWidth, out}, out, 3)
                                      : weights({out, kernelHeight, kernelWidth, in}, out, 0);
        op.inputs = {input, filter, bias(out)};
        op.outputs = {activation({1, size(height, kernelHeight, op.options.strideHeight),
                                  size(width, kernelWidth, op.options.strideWidth), out},
                                 scale(0.05F, 0.5F))};
        finish(std::move(op), input);
    }

    // One channel and several filters over it.
    void depthwiseOfOneChannel() {
        const int height = between(3, 14);
        const int width = between(3, 14);
        const int filters = between(4, 9);
        const int kernelHeight = between(1, 7);
        const int kernelWidth = between(1, 7);
        nn::Operator op;
        op.op = nn::Op::depthwiseConv2d;
        op.options.activation = fused();
        op.options.padding = nn::Padding::same;
        op.options.strideHeight = between(1, 3);
        op.options.strideWidth = between(1, 3);
        op.options.depthMultiplier = filters;
        const auto size = [](int from, int stride) { return (from + stride - 1) / stride; };
        const auto input = activation({1, height, width, 1}, scale(0.01F, 0.1F));
        op.inputs = {input, weights({1, kernelHeight, kernelWidth, filters}, filters, 3),
                     bias(filters)};
        op.outputs = {activation({1, size(height, op.options.strideHeight),
                                  size(width, op.options.strideWidth), filters},
                                 scale(0.05F, 0.5F))};
        finish(std::move(op), input);
    }

    void dense() {
        const int inputs = between(1, 70);
        const int outputs = between(1, 14);
        const int rows = between(0, 3) == 0 ? between(2, 4) : 1;
        nn::Operator op;
        op.op = nn::Op::fullyConnected;
        op.options.activation = fused();
        const auto input = activation({rows, inputs}, scale(0.01F, 0.1F));
        op.inputs = {input, weights({outputs, inputs}, outputs, 0), bias(outputs)};
        op.outputs = {activation({rows, outputs}, scale(0.05F, 0.5F))};
        finish(std::move(op), input);
    }

    // x + convolution of x, so that both operands come from one input.
    void residual() {
        const int height = between(1, 9);
        const int width = between(1, 9);
        const int channels = between(2, 9);
        const auto input = activation({1, height, width, channels}, scale(0.01F, 0.1F));
        nn::Operator op;
        op.op = nn::Op::conv2d;
        op.options.padding = nn::Padding::same;
        op.inputs = {input, weights({channels, 1, 1, channels}, channels, 0), bias(channels)};
        const auto middle = activation({1, height, width, channels}, scale(0.02F, 0.2F));
        op.outputs = {middle};
        graph.operators.push_back(std::move(op));
        nn::Operator add;
        add.op = nn::Op::add;
        add.options.activation = fused();
        add.inputs = between(0, 1) == 0 ? std::vector<std::int32_t>{input, middle}
                                        : std::vector<std::int32_t>{middle, input};
        add.outputs = {activation({1, height, width, channels}, scale(0.02F, 0.3F))};
        finish(std::move(add), input);
    }

    void globalAverage() {
        const int height = between(1, 9);
        const int width = between(1, 9);
        const int channels = 4 * between(1, 3);
        const auto input = activation({1, height, width, channels}, 0.1F);
        nn::Operator op;
        op.op = nn::Op::averagePool2d;
        op.options.activation = fused();
        op.options.filterHeight = op.options.strideHeight = height;
        op.options.filterWidth = op.options.strideWidth = width;
        op.inputs = {input};
        const auto output = activation({1, 1, 1, channels}, 0.1F);
        at(output).zeroPoint = at(input).zeroPoint;
        op.outputs = {output};
        finish(std::move(op), input);
    }

    // Windows of one row or column too, larger than the image, and of more taps than sums of int16
    // hold; most numbers of channels are multiples of four.
    void pool() {
        const bool large = between(0, 5) == 0;
        const int height = between(1, large ? 20 : 12);
        const int width = between(1, large ? 20 : 12);
        const int channels = between(0, 5) == 0 ? between(1, 9) : 4 * between(1, 4);
        const int line = between(0, 3);
        nn::Operator op;
        op.op = between(0, 1) == 0 ? nn::Op::averagePool2d : nn::Op::maxPool2d;
        nn::Options& o = op.options;
        o.activation = fused();
        o.filterHeight = line == 0 ? 1 : large ? between(9, 18) : between(1, 4);
        o.filterWidth = line == 1 ? 1 : large ? between(9, 18) : between(1, 4);
        o.strideHeight = between(1, 4);
        o.strideWidth = between(1, 4);
        const bool fits = o.filterHeight <= height && o.filterWidth <= width;
        o.padding = fits && between(0, 1) == 0 ? nn::Padding::valid : nn::Padding::same;
        const auto size = [&](int from, int kernel, int stride) {
            return o.padding == nn::Padding::valid ? (from - kernel) / stride + 1
                                                   : (from + stride - 1) / stride;
        };
        // Of a scale that ranges of activations cut.
        const auto input = activation({1, height, width, channels}, scale(0.02F, 0.1F));
        const auto output = activation({1, size(height, o.filterHeight, o.strideHeight),
                                        size(width, o.filterWidth, o.strideWidth), channels},
                                       0.1F);
        at(output).scales = at(input).scales;
        at(output).zeroPoint = at(input).zeroPoint;
        op.inputs = {input};
        op.outputs = {output};
        finish(std::move(op), input);
    }

    // Whatever the input, nearly all values become the lowest or the highest, which a pool
    // averages.
    void averageOfExtremes(int rows, int columns, bool lowest) {
        const std::vector<std::int32_t> shape = {1, rows + 1, columns, 4};
        const auto input = activation(shape, 1);
        const auto middle = activation(shape, 0.001F);
        const auto output = activation({1, 2, 1, 4}, 0.001F);
        at(input).zeroPoint = lowest ? 127 : -128;
        at(middle).zeroPoint = at(output).zeroPoint = lowest ? -128 : 127;
        nn::Operator spread;
        spread.op = nn::Op::quantize;
        spread.inputs = {input};
        spread.outputs = {middle};
        graph.operators.push_back(std::move(spread));
        nn::Operator op;
        op.op = nn::Op::averagePool2d;
        op.options.padding = nn::Padding::valid;
        op.options.filterHeight = rows;
        op.options.filterWidth = columns;
        op.inputs = {middle};
        op.outputs = {output};
        finish(std::move(op), input);
    }

    // An operator over two inputs, neither of which is the coarser one by rule.
    void sum() {
        const std::vector<std::int32_t> shape = {1, between(1, 9), between(1, 9), between(1, 9)};
        nn::Operator op;
        op.op = nn::Op::add;
        op.options.activation = fused();
        const auto left = activation(shape, scale(0.01F, 0.1F));
        const auto right = activation(shape, scale(0.01F, 0.1F));
        op.inputs = {left, right};
        op.outputs = {activation(shape, scale(0.02F, 0.3F))};
        finish(std::move(op), left);
        graph.inputs.push_back(right);
    }

    // A function of single values.
    void function() {
        const std::vector<std::int32_t> shape = {1, between(1, 60)};
        nn::Operator op;
        const int which = between(0, 2);
        op.op = which == 0 ? nn::Op::relu : which == 1 ? nn::Op::logistic : nn::Op::quantize;
        const auto input = activation(shape, scale(0.01F, 0.1F));
        const auto output = activation(shape, scale(0.01F, 0.1F));
        if (which == 0) {
            at(output).scales = at(input).scales;
            at(output).zeroPoint = at(input).zeroPoint;
        } else if (which == 1) {
            at(output).scales = {1.0F / 256};
            at(output).zeroPoint = -128;
        }
        op.inputs = {input};
        op.outputs = {output};
        finish(std::move(op), input);
    }

    // An input that nothing reads, before the one that is: what follows begins at an odd address.
    void shift() {
        graph.inputs.insert(graph.inputs.begin(), activation({1, between(1, 3)}, 0.1F));
    }

    nn::Graph graph;

  protected:
    nn::Tensor& at(std::int32_t index) { return graph.tensors[static_cast<std::size_t>(index)]; }

    std::int32_t push(nn::Tensor tensor) {
        graph.tensors.push_back(std::move(tensor));
        return static_cast<std::int32_t>(graph.tensors.size() - 1);
    }

    void finish(nn::Operator op, std::int32_t input) {
        graph.inputs = {input};
        graph.outputs = op.outputs;
        graph.operators.push_back(std::move(op));
    }

  private:
    std::mt19937& random_;
};

}  // namespace tinsmith::test
