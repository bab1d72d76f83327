// A random network of several layers: tensors that live long and short, in place and overlapping.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tests/handlers/build/random_layer.hpp"

namespace tinsmith::test {

class RandomChain {
  public:
    explicit RandomChain(std::mt19937& random) : layer_(random) {
        current_ = add({1, between(3, 12), between(3, 12), between(1, 8)}, 0.05F);
        input_ = current_;
        older_.push_back(current_);
    }

    nn::Graph take(int layers) {
        while (made_ < layers) append(between(0, 10));
        if (between(0, 2) == 0) dense();
        nn::Graph graph = std::move(layer_.graph);
        graph.inputs = {input_};
        graph.outputs = {current_};
        return graph;
    }

  private:
    static constexpr int kMostBias = 5000;  // a larger one would drown what the input says

    using Shape = std::vector<std::int32_t>;

    int between(int low, int high) { return layer_.between(low, high); }
    const nn::Tensor& tensor(std::int32_t index) const {
        return layer_.graph.tensors[static_cast<std::size_t>(index)];
    }
    const Shape& shape() const { return tensor(current_).shape; }
    std::int32_t add(Shape shape, float scale) {
        const std::int32_t made = layer_.activation(std::move(shape), scale);
        setZeroPoint(made, between(0, 1) == 0 ? -128 : between(-128, 20));
        return made;
    }
    void setZeroPoint(std::int32_t index, std::int32_t value) {
        layer_.graph.tensors[static_cast<std::size_t>(index)].zeroPoint = value;
    }
    nn::Activation fused() {
        return between(0, 1) == 0 ? nn::Activation::none : nn::Activation::relu;
    }
    // With the scale and zero point of another tensor.
    std::int32_t addLike(Shape shape, std::int32_t other) {
        const std::int32_t zeroPoint = tensor(other).zeroPoint;
        const std::int32_t made = add(std::move(shape), tensor(other).scales[0]);
        setZeroPoint(made, zeroPoint);
        return made;
    }

    void append(int kind) {
        const bool narrow = shape()[1] < 2 || shape()[2] < 2;
        if (narrow && kind > 6) kind -= 7;
        switch (kind) {
            case 0:
            case 1:
                return convolution();
            case 2:
            case 3:
                return depthwise();
            case 4:
                return function();
            case 5:
            case 6:
                return skip();
            case 7:
                return concatenate();
            case 8:
                return pool();
            case 9:
                return pad();
            default:
                return reshape();
        }
    }

    void finish(nn::Operator op, std::int32_t output) {
        op.outputs = {output};
        layer_.graph.operators.push_back(std::move(op));
        current_ = output;
        older_.push_back(output);
        ++made_;
    }

    // A scale at which the sums of `taps` random products fill the range of int8.
    float scaleAfter(int taps) {
        return tensor(current_).scales[0] * 0.4F * std::sqrt(static_cast<float>(taps)) *
               layer_.scale(0.6F, 1.6F);
    }

    void window(nn::Operator& op) {
        op.options.padding = nn::Padding::same;
        op.options.strideHeight = op.options.strideWidth = between(0, 3) == 0 ? 2 : 1;
    }
    Shape outputShape(const nn::Operator& op, int channels) const {
        const auto size = [&](int from, int stride) { return (from + stride - 1) / stride; };
        return {1, size(shape()[1], op.options.strideHeight),
                size(shape()[2], op.options.strideWidth), channels};
    }

    void convolution() {
        nn::Operator op;
        op.op = nn::Op::conv2d;
        op.options.activation = fused();
        window(op);
        const int kernel = between(0, 1) == 0 ? 1 : 3;
        const int in = shape()[3];
        const int out = in > 1 && between(0, 1) == 0 ? in : between(2, 12);
        const float scale = scaleAfter(kernel * kernel * in);
        op.inputs = {current_, layer_.weights({out, kernel, kernel, in}, out, 0),
                     layer_.bias(out, kMostBias)};
        Shape result = outputShape(op, out);
        finish(std::move(op), add(std::move(result), scale));
    }

    void depthwise() {
        nn::Operator op;
        op.op = nn::Op::depthwiseConv2d;
        op.options.activation = fused();
        window(op);
        const int kernel = between(0, 2) == 0 ? 2 : 3;
        const int channels = shape()[3];
        op.options.depthMultiplier = channels < 8 && between(0, 4) == 0 ? 2 : 1;
        const int out = channels * op.options.depthMultiplier;
        const float scale = scaleAfter(kernel * kernel);
        op.inputs = {current_, layer_.weights({1, kernel, kernel, out}, out, 3),
                     layer_.bias(out, kMostBias)};
        Shape result = outputShape(op, out);
        finish(std::move(op), add(std::move(result), scale));
    }

    // A function of single values, which may run in place.
    void function() {
        nn::Operator op;
        op.inputs = {current_};
        const Shape same = shape();
        if (between(0, 1) == 0) {
            op.op = nn::Op::relu;
            return finish(std::move(op), addLike(same, current_));
        }
        if (between(0, 2) > 0) return rescale(current_, scaleAfter(4));
        op.op = nn::Op::logistic;
        const std::int32_t output = add(same, 1.0F / 256);
        setZeroPoint(output, -128);
        finish(std::move(op), output);
    }

    void rescale(std::int32_t from, float scale) {
        nn::Operator op;
        op.op = nn::Op::quantize;
        op.inputs = {from};
        finish(std::move(op), add(Shape(tensor(from).shape), scale));
    }

    // An older tensor of as many rows and columns (and channels), by chance: -1 = there is none.
    std::int32_t fitting(bool channels) {
        std::vector<std::int32_t> found;
        for (const std::int32_t index : older_) {
            const Shape& other = tensor(index).shape;
            if (index != current_ && other[1] == shape()[1] && other[2] == shape()[2] &&
                (!channels || other[3] == shape()[3])) {
                found.push_back(index);
            }
        }
        if (found.empty()) return -1;
        return found[static_cast<std::size_t>(between(0, static_cast<int>(found.size()) - 1))];
    }

    void skip() {
        std::int32_t other = fitting(true);
        if (other < 0) {
            depthwise();
            other = fitting(true);
        }
        if (other < 0) return;
        nn::Operator op;
        op.op = nn::Op::add;
        op.options.activation = fused();
        op.inputs = between(0, 1) == 0 ? std::vector<std::int32_t>{current_, other}
                                       : std::vector<std::int32_t>{other, current_};
        const float scale =
            std::max(tensor(current_).scales[0], tensor(other).scales[0]) * layer_.scale(1, 1.8F);
        finish(std::move(op), add(Shape(shape()), scale));
    }

    // Both in one scale first.
    void concatenate() {
        const std::int32_t other = fitting(false);
        if (other < 0) return convolution();
        const std::int32_t first = current_;
        nn::Operator op;
        op.op = nn::Op::quantize;
        op.inputs = {other};
        finish(std::move(op), addLike(Shape(tensor(other).shape), first));
        op = nn::Operator();
        op.op = nn::Op::concatenation;
        op.options.axis = 3;
        op.inputs = {first, current_};
        Shape result = shape();
        result[3] += tensor(first).shape[3];
        if (result[3] > 24) return;
        finish(std::move(op), addLike(std::move(result), first));
    }

    void pool() {
        nn::Operator op;
        op.op = between(0, 1) == 0 ? nn::Op::averagePool2d : nn::Op::maxPool2d;
        window(op);
        op.options.filterHeight = op.options.filterWidth = between(2, 3);
        op.inputs = {current_};
        Shape result = outputShape(op, shape()[3]);
        finish(std::move(op), addLike(std::move(result), current_));
    }

    void pad() {
        nn::Operator op;
        op.op = nn::Op::pad;
        std::vector<std::int32_t> amounts(8);
        Shape result = shape();
        for (std::size_t i = 2; i < 6; ++i) {
            amounts[i] = between(0, 2);
            result[i / 2] += amounts[i];
        }
        op.inputs = {current_, layer_.integers({4, 2}, amounts)};
        finish(std::move(op), addLike(std::move(result), current_));
    }

    void reshape() {
        nn::Operator op;
        op.op = nn::Op::reshape;
        op.inputs = {current_};
        Shape result = shape();
        std::swap(result[1], result[static_cast<std::size_t>(between(2, 3))]);
        op.options.newShape = result;
        finish(std::move(op), addLike(std::move(result), current_));
    }

    void dense() {
        const int inputs = shape()[1] * shape()[2] * shape()[3];
        const int outputs = between(2, 12);
        nn::Operator op;
        op.op = nn::Op::fullyConnected;
        const float scale = scaleAfter(inputs);
        op.inputs = {current_, layer_.weights({outputs, inputs}, outputs, 0),
                     layer_.bias(outputs, kMostBias)};
        finish(std::move(op), add({1, outputs}, scale));
    }

    RandomLayer layer_;
    std::int32_t input_ = 0, current_ = 0;
    std::vector<std::int32_t> older_;  // all activations so far
    int made_ = 0;
};

inline BoardNetwork randomChain(std::mt19937& random, int number) {
    RandomChain chain(random);
    nn::Graph graph = chain.take(std::uniform_int_distribution<int>(3, 8)(random));
    std::string name = "chain " + std::to_string(number);
    for (const nn::Operator& op : graph.operators) name += " " + std::string(nn::opName(op.op));
    return {std::move(name), std::move(graph)};
}

}  // namespace tinsmith::test
