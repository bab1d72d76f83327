// Every operator of model files as networks of that operator alone, in the variants that models
// have: strides, padding, fused activations, depth multipliers, one weight scale or one a channel.
// Scales are such that values spread over what int8 holds.
#pragma once

#include <array>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/handlers/quantize/single_operator.hpp"

namespace tinsmith::test {

struct Variant {
    std::string name;
    nn::Graph graph;
};

class OperatorVariants {
  public:
    explicit OperatorVariants(std::uint32_t seed) : random_(seed) {}

    std::vector<Variant> all() {
        convolutions();
        depthwise();
        dense();
        pools();
        means();
        pairs(nn::Op::add);
        pairs(nn::Op::multiply);
        moves();
        functions();
        return std::move(variants_);
    }

    // Depthwise layers whose last stride steps over the last column of the input.
    std::vector<Variant> unreadColumn() {
        for (const nn::Activation fused : kActivations) {
            nn::Options options;
            options.strideWidth = 2;
            options.padding = nn::Padding::same;
            options.activation = fused;
            depthwise({8, 8}, {5, 1}, options, true);
        }
        return std::move(variants_);
    }

  private:
    static constexpr std::array kPaddings = {nn::Padding::same, nn::Padding::valid};
    static constexpr std::array kActivations = {nn::Activation::none, nn::Activation::relu,
                                                nn::Activation::relu6};
    struct Size {
        std::int32_t height, width;
    };

    int between(int low, int high) {
        return std::uniform_int_distribution<int>(low, high)(random_);
    }
    float real(float low, float high) {
        return std::uniform_real_distribution<float>(low, high)(random_);
    }

    static std::string text(nn::Activation activation) {
        return activation == nn::Activation::none   ? ""
               : activation == nn::Activation::relu ? " RELU"
                                                    : " RELU6";
    }
    static std::string text(nn::Padding padding) {
        return padding == nn::Padding::same ? " SAME" : " VALID";
    }
    static std::string text(Size size) {
        return " " + std::to_string(size.height) + "x" + std::to_string(size.width);
    }
    static std::string text(const Shape& shape) {
        std::string result;
        for (const std::int32_t size : shape)
            result += (result.empty() ? " " : "x") + std::to_string(size);
        return result;
    }

    static std::int32_t slid(std::int32_t size, std::int32_t kernel, std::int32_t stride,
                             nn::Padding padding) {
        return padding == nn::Padding::same ? (size + stride - 1) / stride
                                            : (size - kernel) / stride + 1;
    }

    nn::Tensor input(Shape shape) {
        return activation(std::move(shape), real(0.01F, 0.1F), between(-128, 127));
    }

    // An output whose values are some -6 to 6, as wide as its activation leaves them.
    nn::Tensor sixes(Shape shape, nn::Activation fused) {
        return fused == nn::Activation::none
                   ? activation(std::move(shape), 12.0F / 255, between(-40, 40))
                   : activation(std::move(shape),
                                (fused == nn::Activation::relu ? 7.0F : 6.0F) / 255, -128);
    }

    nn::Tensor randomConstant(nn::Tensor tensor) {
        tensor.constant = true;
        for (std::int64_t i = 0; i < nn::elementCount(tensor); ++i)
            tensor.data.push_back(static_cast<std::uint8_t>(between(-127, 127)));
        return tensor;
    }

    // A layer's weights and bias: accumulators of `taps` products deviate by some 3 from zero.
    struct Layer {
        nn::Tensor weights, bias;
    };
    Layer layer(const nn::Tensor& input, Shape shape, int taps, int channels, int axis,
                bool perChannel) {
        constexpr float kDeviation = 73;  // of what is spread evenly over int8
        const float deviation = kDeviation * kDeviation * std::sqrt(static_cast<float>(taps));
        const float scale = 3 / (deviation * input.scales[0]);
        nn::Tensor weights = activation(std::move(shape), scale, 0);
        weights.channelAxis = axis;
        if (perChannel) {
            weights.scales.clear();
            for (int i = 0; i < channels; ++i) weights.scales.push_back(scale * real(0.3F, 1.7F));
        }
        const int most = static_cast<int>(deviation);
        std::vector<std::int32_t> values;
        for (int i = 0; i < channels; ++i) values.push_back(between(-most, most));
        nn::Tensor bias = integers({channels}, values);
        for (const float one : weights.scales) bias.scales.push_back(one * input.scales[0]);
        return {randomConstant(std::move(weights)), std::move(bias)};
    }

    void add(const std::string& name, nn::Op op, std::vector<nn::Tensor> tensors,
             const Change& change = {}) {
        variants_.push_back(
            {std::string(nn::opName(op)) + name, single(op, std::move(tensors), change)});
    }

    void convolution(Size kernel, nn::Options options, bool perChannel) {
        constexpr std::int32_t kHeight = 7, kWidth = 8, kIn = 5, kOut = 6;
        const Size extent = {(kernel.height - 1) * options.dilationHeight + 1,
                             (kernel.width - 1) * options.dilationWidth + 1};
        const nn::Tensor from = input({1, kHeight, kWidth, kIn});
        Layer made = layer(from, {kOut, kernel.height, kernel.width, kIn},
                           kernel.height * kernel.width * kIn, kOut, 0, perChannel);
        const Shape shape = {1, slid(kHeight, extent.height, options.strideHeight, options.padding),
                             slid(kWidth, extent.width, options.strideWidth, options.padding),
                             kOut};
        add(text(kernel) + layerText(options, perChannel), nn::Op::conv2d,
            {from, std::move(made.weights), std::move(made.bias), sixes(shape, options.activation)},
            [&](nn::Operator& op) { op.options = options; });
    }

    void depthwise(Size image, Size kernel, nn::Options options, bool perChannel) {
        constexpr std::int32_t kIn = 4;
        const std::int32_t out = kIn * options.depthMultiplier;
        const nn::Tensor from = input({1, image.height, image.width, kIn});
        Layer made = layer(from, {1, kernel.height, kernel.width, out},
                           kernel.height * kernel.width, out, 3, perChannel);
        const Shape shape = {
            1, slid(image.height, kernel.height, options.strideHeight, options.padding),
            slid(image.width, kernel.width, options.strideWidth, options.padding), out};
        add(text(kernel) + " multiplier " + std::to_string(options.depthMultiplier) +
                layerText(options, perChannel),
            nn::Op::depthwiseConv2d,
            {from, std::move(made.weights), std::move(made.bias), sixes(shape, options.activation)},
            [&](nn::Operator& op) { op.options = options; });
    }

    static std::string layerText(const nn::Options& options, bool perChannel) {
        return " stride" + text(Size{options.strideHeight, options.strideWidth}) +
               (options.dilationHeight > 1 ? " dilated" : "") + text(options.padding) +
               text(options.activation) + (perChannel ? " per channel" : " per tensor");
    }

    // Strides, padding, activations and both kinds of weight scales, each with each.
    template <class Make>
    void layers(const Make& make) {
        for (const Size stride : {Size{1, 1}, Size{2, 2}, Size{1, 2}}) {
            for (const nn::Padding padding : kPaddings) {
                for (const nn::Activation fused : kActivations) {
                    for (const bool perChannel : {true, false}) {
                        nn::Options options;
                        options.strideHeight = stride.height;
                        options.strideWidth = stride.width;
                        options.padding = padding;
                        options.activation = fused;
                        make(options, perChannel);
                    }
                }
            }
        }
    }

    void convolutions() {
        for (const Size kernel : {Size{1, 1}, Size{3, 3}, Size{1, 5}, Size{4, 2}}) {
            layers([&](const nn::Options& options, bool perChannel) {
                convolution(kernel, options, perChannel);
            });
        }
        for (const nn::Padding padding : kPaddings) {
            nn::Options options;
            options.padding = padding;
            options.dilationHeight = options.dilationWidth = 2;
            convolution({3, 3}, options, true);
        }
    }

    void depthwise() {
        for (const Size kernel : {Size{3, 3}, Size{5, 1}}) {
            for (const std::int32_t multiplier : {1, 2, 3}) {
                layers([&](nn::Options options, bool perChannel) {
                    options.depthMultiplier = multiplier;
                    depthwise({8, 9}, kernel, options, perChannel);
                });
            }
        }
    }

    void dense() {
        for (const Size size : {Size{1, 3}, Size{17, 13}, Size{64, 10}}) {
            for (const nn::Activation fused : kActivations) {
                for (const bool perChannel : {true, false}) {
                    for (const std::int32_t rows : {1, 3})
                        denseLayer(size, fused, perChannel, rows);
                }
            }
        }
    }

    // `size`: inputs and outputs. Several rows keep their dimensions.
    void denseLayer(Size size, nn::Activation fused, bool perChannel, std::int32_t rows) {
        const auto [inputs, outputs] = size;
        const bool keep = rows > 1;
        const nn::Tensor from = input(keep ? Shape{1, rows, inputs} : Shape{1, inputs});
        Layer made = layer(from, {outputs, inputs}, inputs, outputs, 0, perChannel);
        const Shape shape = keep ? Shape{1, rows, outputs} : Shape{1, outputs};
        add(text(size) + " rows " + std::to_string(rows) + text(fused) +
                (perChannel ? " per channel" : " per tensor"),
            nn::Op::fullyConnected,
            {from, std::move(made.weights), std::move(made.bias), sixes(shape, fused)},
            [&](nn::Operator& op) {
                op.options.activation = fused;
                op.options.keepDimensions = keep;
            });
    }

    void pools() {
        constexpr std::int32_t kHeight = 8, kWidth = 7, kChannels = 5;
        for (const nn::Op kind : {nn::Op::averagePool2d, nn::Op::maxPool2d}) {
            for (const Size window : {Size{2, 2}, Size{3, 3}, Size{1, 4}, Size{kHeight, kWidth}}) {
                for (const std::int32_t stride : {1, 2}) {
                    for (const nn::Padding padding : kPaddings) {
                        for (const nn::Activation fused : kActivations) {
                            nn::Tensor from =
                                sixes({1, kHeight, kWidth, kChannels}, nn::Activation::none);
                            nn::Tensor to = from;
                            to.shape[1] = slid(kHeight, window.height, stride, padding);
                            to.shape[2] = slid(kWidth, window.width, stride, padding);
                            add(text(window) + " stride " + std::to_string(stride) + text(padding) +
                                    text(fused),
                                kind, {from, to}, [&](nn::Operator& op) {
                                    op.options.filterHeight = window.height;
                                    op.options.filterWidth = window.width;
                                    op.options.strideHeight = op.options.strideWidth = stride;
                                    op.options.padding = padding;
                                    op.options.activation = fused;
                                });
                        }
                    }
                }
            }
        }
    }

    void means() {
        struct Case {
            std::vector<std::int32_t> axes;
            Shape kept, dropped;
        };
        const Shape shape = {1, 5, 7, 6};
        const std::vector<Case> cases = {
            {{1, 2}, {1, 1, 1, 6}, {1, 6}},
            {{1}, {1, 1, 7, 6}, {1, 7, 6}},
            {{-1}, {1, 5, 7, 1}, {1, 5, 7}},
        };
        for (const Case& one : cases) {
            for (const bool keep : {true, false}) {
                for (const float ratio : {1.0F, 0.4F, 0.15F}) {
                    const nn::Tensor from = input(shape);
                    nn::Tensor to = from;
                    to.shape = keep ? one.kept : one.dropped;
                    to.scales[0] *= ratio;
                    const auto count = static_cast<std::int32_t>(one.axes.size());
                    add(" axes" + text(one.axes) + (keep ? " kept" : "") + " scale x" +
                            std::to_string(ratio).substr(0, 4),
                        nn::Op::mean, {from, integers({count}, one.axes), to},
                        [&](nn::Operator& op) { op.options.keepDimensions = keep; });
                }
            }
        }
    }

    // ADD or MUL: equal shapes, one broadcast over the other, a constant operand.
    void pairs(nn::Op op) {
        const Shape full = {1, 4, 5, 6};
        for (const Shape& other : {full, Shape{1, 1, 1, 6}, Shape{1}}) {
            for (const bool constant : {false, true}) {
                for (const nn::Activation fused : kActivations) {
                    // Operands of some -3 to 3 and one of some -1 to 1.
                    const nn::Tensor left = activation(full, 6.0F / 255, between(-40, 40));
                    nn::Tensor right = activation(other, 2.0F / 255, between(-40, 40));
                    if (constant) right = randomConstant(std::move(right));
                    nn::Tensor to = sixes(full, fused);
                    if (fused != nn::Activation::relu6) to.scales[0] *= 0.6F;
                    add(text(full) + " and" + text(other) + (constant ? " constant" : "") +
                            text(fused),
                        op, {left, right, to},
                        [&](nn::Operator& made) { made.options.activation = fused; });
                }
            }
        }
    }

    // What only moves values.
    void moves() {
        for (const nn::Op op : {nn::Op::pad, nn::Op::padV2}) {
            for (const std::vector<std::int32_t>& amounts :
                 {std::vector<std::int32_t>{0, 0, 1, 1, 2, 0, 0, 0},
                  std::vector<std::int32_t>{0, 0, 0, 1, 2, 0, 1, 2}}) {
                const nn::Tensor from = input({1, 3, 4, 5});
                nn::Tensor to = from;
                for (std::size_t i = 0; i < 4; ++i)
                    to.shape[i] += amounts[2 * i] + amounts[2 * i + 1];
                std::vector<nn::Tensor> tensors = {from, integers({4, 2}, amounts)};
                if (op == nn::Op::padV2) {
                    nn::Tensor value = from;
                    value.shape = {1};
                    tensors.push_back(randomConstant(std::move(value)));
                }
                tensors.push_back(to);
                add(" to" + text(to.shape), op, std::move(tensors));
            }
        }
        for (const std::int32_t axis : {1, 2, -1}) {
            for (const std::int32_t count : {2, 4}) {
                nn::Tensor to = input({1, 3, 4, 5});
                const auto along = static_cast<std::size_t>(axis < 0 ? 4 + axis : axis);
                std::vector<nn::Tensor> tensors(static_cast<std::size_t>(count), to);
                to.shape[along] = 0;
                for (nn::Tensor& part : tensors)
                    to.shape[along] += part.shape[along] = between(1, 5);
                tensors.push_back(to);
                add(" axis " + std::to_string(axis) + " of " + std::to_string(count),
                    nn::Op::concatenation, std::move(tensors),
                    [&](nn::Operator& op) { op.options.axis = axis; });
            }
        }
        for (const Shape& shape : {Shape{1, 60}, Shape{1, 5, 12}, Shape{1, 4, 3, 5}}) {
            const nn::Tensor from = input({1, 3, 4, 5});
            nn::Tensor to = from;
            to.shape = shape;
            add(" to" + text(shape), nn::Op::reshape,
                {from, integers({static_cast<std::int32_t>(shape.size())}, shape), to},
                [&](nn::Operator& op) { op.options.newShape = shape; });
        }
    }

    // Functions of single values, and softmax.
    void functions() {
        const Shape shape = {1, 3, 4, 5};
        for (const nn::Op op : {nn::Op::relu, nn::Op::relu6}) {
            for (const std::int32_t zeroPoint : {-128, -20, 50}) {
                const nn::Tensor tensor = activation(shape, 12.0F / 255, zeroPoint);
                add(" zero point " + std::to_string(zeroPoint), op, {tensor, tensor});
            }
        }
        for (const float scale : {0.01F, 0.03F, 0.05F, 0.1F, 0.2F}) {
            const std::string name = " scale " + std::to_string(scale).substr(0, 4);
            add(name, nn::Op::logistic,
                {activation(shape, scale, between(-60, 60)), probabilities(shape)});
            for (const std::int32_t classes : {2, 5, 12, 100}) {
                for (const float beta : {1.0F, 0.5F}) {
                    const Shape row = {1, classes};
                    add(name + " classes " + std::to_string(classes) + " beta " +
                            std::to_string(beta).substr(0, 3),
                        nn::Op::softmax,
                        {activation(row, scale, between(-60, 60)), probabilities(row)},
                        [&](nn::Operator& op) { op.options.beta = beta; });
                }
            }
            add(name, nn::Op::quantize,
                {activation(shape, 0.05F, between(-60, 60)),
                 activation(shape, scale, between(-60, 60))});
        }
    }

    std::mt19937 random_;
    std::vector<Variant> variants_;
};

}  // namespace tinsmith::test
