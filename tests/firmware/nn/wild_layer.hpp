// Random layers of every operator, as far from ordinary ones as files may be: batches, dilation,
// strides beyond the kernel, padding on all sides, scales that shift to the left, weights, biases
// and zero points at the ends of their ranges.
#pragma once

#include <algorithm>

#include "tests/firmware/nn/random_layer.hpp"

namespace tinsmith::test {

class WildLayer : public RandomLayer {
  public:
    using RandomLayer::RandomLayer;

    void wildConvolution(bool depthwise) {
        const int in = between(0, 3) == 0 ? 16 * between(1, 3) : between(1, 37);
        const int multiplier = depthwise ? oneOf({1, 1, 1, 2, 3, 8}) : 1;
        const int out = depthwise ? in * multiplier : between(1, 40);
        nn::Operator op;
        op.op = depthwise ? nn::Op::depthwiseConv2d : nn::Op::conv2d;
        op.options.depthMultiplier = multiplier;
        op.options.dilationHeight = oneOf({1, 1, 1, 2, 5});
        op.options.dilationWidth = oneOf({1, 1, 1, 2, 5});
        const int kernelHeight = oneOf({1, 1, 2, 3, 3, 5, 8});
        const int kernelWidth = oneOf({1, 1, 2, 3, 3, 5, 8});
        const auto input = image(in);
        const auto filter = depthwise ? weights({1, kernelHeight, kernelWidth, out}, out, 3)
                                      : weights({out, kernelHeight, kernelWidth, in}, out, 0);
        op.inputs = {input, filter};
        if (between(0, 4) > 0) op.inputs.push_back(bias(out));
        exaggerate(op);
        slide(op, kernelHeight, kernelWidth, out);
    }

    void pool(nn::Op which) {
        nn::Operator op;
        op.op = which;
        const int channels = between(1, 40);
        op.options.filterHeight = between(1, 7);
        op.options.filterWidth = between(1, 7);
        op.inputs = {image(channels)};
        slide(op, op.options.filterHeight, op.options.filterWidth, channels);
        sameScale(graph.operators.back());
    }

    void wildDense() {
        const int inputs = between(1, 300);
        const int outputs = between(1, 70);
        const int rows = oneOf({1, 1, 2, 9, 17});
        nn::Operator op;
        op.op = nn::Op::fullyConnected;
        op.options.activation = fused();
        const auto input = wildActivation({rows, inputs});
        op.inputs = {input, weights({outputs, inputs}, outputs, 0)};
        if (between(0, 4) > 0) op.inputs.push_back(bias(outputs));
        exaggerate(op);
        op.outputs = {wildActivation({rows, outputs})};
        finish(std::move(op), input);
    }

    // Of one shape, or the second repeated along some dimensions; both read the graph's inputs.
    void pair(nn::Op which) {
        std::vector<std::int32_t> shape = {between(1, 3), between(1, 9), between(1, 9),
                                           between(1, 40)};
        std::vector<std::int32_t> second = shape;
        if (between(0, 2) == 0) {
            for (std::int32_t& size : second) size = between(0, 1) == 0 ? 1 : size;
        }
        nn::Operator op;
        op.op = which;
        op.options.activation = fused();
        op.inputs = {activation(shape, scale(0.01F, 1.0F)), activation(second, scale(0.01F, 1.0F))};
        if (between(0, 1) == 0) std::swap(op.inputs[0], op.inputs[1]);
        op.outputs = {activation(shape, scale(0.02F, 2.0F))};
        graph.inputs = op.inputs;
        graph.outputs = op.outputs;
        graph.operators.push_back(std::move(op));
    }

    void mean() {
        const int batches = between(1, 3);
        const int channels = between(1, 40);
        nn::Operator op;
        op.op = nn::Op::mean;
        const auto input =
            activation({batches, between(1, 12), between(1, 12), channels}, scale(0.01F, 0.2F));
        op.inputs = {input, int32Tensor({2}, {1, 2})};
        op.outputs = {activation({batches, channels}, scale(0.002F, 0.2F))};
        finish(std::move(op), input);
    }

    void padding() {
        std::vector<std::int32_t> shape = {between(1, 2), between(1, 8), between(1, 8),
                                           between(1, 9)};
        nn::Operator op;
        op.op = nn::Op::pad;
        const auto input = activation(shape, 0.1F);
        std::vector<std::int32_t> amounts;
        for (std::int32_t& size : shape) {
            amounts.push_back(between(0, 3));
            amounts.push_back(between(0, 3));
            size += amounts[amounts.size() - 2] + amounts.back();
        }
        op.inputs = {input, int32Tensor({4, 2}, amounts)};
        op.outputs = {activation(shape, 0.1F)};
        finish(std::move(op), input);
        sameScale(graph.operators.back());
    }

    void concatenation() {
        const int axis = between(0, 2);
        std::vector<std::int32_t> shape = {between(1, 5), between(1, 7), between(1, 20)};
        nn::Operator op;
        op.op = nn::Op::concatenation;
        op.options.axis = axis - (between(0, 1) == 0 ? 3 : 0);
        int sum = 0;
        for (int part = between(1, 4); part > 0; --part) {
            shape[static_cast<std::size_t>(axis)] = between(1, 9);
            sum += shape[static_cast<std::size_t>(axis)];
            op.inputs.push_back(activation(shape, 0.1F));
        }
        shape[static_cast<std::size_t>(axis)] = sum;
        op.outputs = {activation(shape, 0.1F)};
        graph.inputs = op.inputs;
        graph.outputs = op.outputs;
        graph.operators.push_back(std::move(op));
        sameScale(graph.operators.back());
    }

    // What takes one tensor and yields one of its shape.
    void single(nn::Op which) {
        const std::vector<std::int32_t> shape = {between(1, 5), between(1, 300)};
        nn::Operator op;
        op.op = which;
        const auto input = activation(shape, scale(0.005F, 0.5F));
        op.inputs = {input};
        op.outputs = {activation(shape, scale(0.005F, 0.5F))};
        if (which == nn::Op::softmax || which == nn::Op::logistic) {
            tensor(op.outputs[0]).scales = {1.0F / 256};
            tensor(op.outputs[0]).zeroPoint = -128;
        }
        finish(std::move(op), input);
        if (which != nn::Op::softmax && which != nn::Op::logistic && which != nn::Op::quantize)
            sameScale(graph.operators.back());
    }

  private:
    int oneOf(std::initializer_list<int> values) {
        return values.begin()[between(0, static_cast<int>(values.size()) - 1)];
    }

    float wildScale() { return scale(0.001F, 2.0F); }

    nn::Tensor& tensor(std::int32_t index) {
        return graph.tensors[static_cast<std::size_t>(index)];
    }

    // A third each with the zero point at an end of its range.
    std::int32_t wildActivation(std::vector<std::int32_t> shape) {
        const std::int32_t index = activation(std::move(shape), wildScale());
        tensor(index).zeroPoint = oneOf({-128, 127, tensor(index).zeroPoint});
        return index;
    }

    std::int32_t image(int channels) {
        return wildActivation({between(1, 3), between(1, 20), between(1, 20), channels});
    }

    std::int32_t int32Tensor(std::vector<std::int32_t> shape,
                             const std::vector<std::int32_t>& values) {
        nn::Tensor constant;
        constant.type = nn::Type::int32;
        constant.shape = std::move(shape);
        constant.constant = true;
        for (const std::int32_t value : values) {
            for (int shift = 0; shift < 32; shift += 8) {
                constant.data.push_back(
                    static_cast<std::uint8_t>(static_cast<std::uint32_t>(value) >> shift));
            }
        }
        return push(std::move(constant));
    }

    // Now and then all weights and biases at an end of their range.
    void exaggerate(const nn::Operator& op) {
        if (between(0, 2) > 0) return;
        for (std::uint8_t& weight : tensor(op.inputs[1]).data)
            weight = between(0, 1) == 0 ? 0x80 : 0x7f;
        if (op.inputs.size() < 3) return;
        auto& bytes = tensor(op.inputs[2]).data;
        for (std::size_t i = 0; i < bytes.size(); i += 4) {
            std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(i), 3,
                        static_cast<std::uint8_t>(between(0, 1) == 0 ? 0 : 0xff));
            bytes[i + 3] = between(0, 1) == 0 ? 0x80 : 0x7f;
        }
    }

    // The output of a window that slides over the image, and the operator into the graph.
    void slide(nn::Operator op, int kernelHeight, int kernelWidth, int channels) {
        nn::Options& o = op.options;
        o.activation = fused();
        o.strideHeight = oneOf({1, 1, 1, 2, 3, 7});
        o.strideWidth = oneOf({1, 1, 1, 2, 3, 7});
        const std::vector<std::int32_t> in = tensor(op.inputs[0]).shape;
        const int height = (kernelHeight - 1) * o.dilationHeight + 1;
        const int width = (kernelWidth - 1) * o.dilationWidth + 1;
        const bool valid = height <= in[1] && width <= in[2] && between(0, 1) == 0;
        o.padding = valid ? nn::Padding::valid : nn::Padding::same;
        const auto size = [&](int from, int extent, int stride) {
            return valid ? (from - extent) / stride + 1 : (from + stride - 1) / stride;
        };
        op.outputs = {wildActivation({in[0], size(in[1], height, o.strideHeight),
                                      size(in[2], width, o.strideWidth), channels})};
        const std::int32_t input = op.inputs[0];
        finish(std::move(op), input);
    }

    // Scale and zero point of the first input on all that the operator reads and writes.
    void sameScale(const nn::Operator& op) {
        const nn::Tensor first = tensor(op.inputs[0]);
        for (const std::int32_t index : graph.inputs) {
            tensor(index).scales = first.scales;
            tensor(index).zeroPoint = first.zeroPoint;
        }
        tensor(op.outputs[0]).scales = first.scales;
        tensor(op.outputs[0]).zeroPoint = first.zeroPoint;
    }
};

// The operators in turn; convolutions twice as often as others.
inline nn::Graph wildLayer(std::mt19937& random, int number) {
    WildLayer layer(random);
    constexpr nn::Op kSingle[] = {nn::Op::softmax, nn::Op::logistic, nn::Op::relu,
                                  nn::Op::relu6,   nn::Op::quantize, nn::Op::reshape};
    switch (number % 12) {
        case 0:
        case 1:
            layer.wildConvolution(false);
            break;
        case 2:
        case 3:
            layer.wildConvolution(true);
            break;
        case 4:
            layer.wildDense();
            break;
        case 5:
            layer.pool(nn::Op::averagePool2d);
            break;
        case 6:
            layer.pool(nn::Op::maxPool2d);
            break;
        case 7:
            layer.mean();
            break;
        case 8:
            layer.pair(number / 12 % 2 == 0 ? nn::Op::add : nn::Op::multiply);
            break;
        case 9:
            layer.padding();
            break;
        case 10:
            layer.concatenation();
            break;
        default:
            layer.single(kSingle[static_cast<std::size_t>(number) / 12 % std::size(kSingle)]);
            break;
    }
    return std::move(layer.graph);
}

}  // namespace tinsmith::test
