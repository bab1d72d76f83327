#include "handlers/quantize/post_training.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "firmware/nn/prepare.hpp"

namespace tinsmith::quantize {

namespace {

void appendInt32(std::vector<std::uint8_t>& bytes, std::int32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(value) >> shift));
    }
}

class Builder {
  public:
    Builder(const train::Ranges& ranges, bool perChannel)
        : ranges_(ranges), perChannel_(perChannel) {}

    nn::Graph take() {
        graph_.outputs = {current_};
        return std::move(graph_);
    }

    void input(const train::FloatNetwork& network) {
        const auto [scale, zero] = train::activationScale(ranges_.input);
        current_ = activation("features", {1, 1, network.steps, network.features}, scale, zero);
        graph_.inputs = {current_};
    }

    void softmax() {
        nn::Operator op;
        op.op = nn::Op::softmax;
        op.inputs = {current_};
        const auto shape = current().shape;
        add(std::move(op), activation("scores", shape, 1.0F / 256, -128));
    }

    void layer(const train::FloatLayer& layer, std::size_t index, train::LayerShape in,
               train::LayerShape out) {
        const bool maximum =
            layer.op == train::Op::max_pool || layer.op == train::Op::global_max_pool;
        // Not MEAN: its two roundings of a small sum make runtimes differ in one value of ten.
        const nn::Op poolOp = maximum ? nn::Op::maxPool2d : nn::Op::averagePool2d;
        switch (layer.op) {
            case train::Op::conv1d:
                conv1d(layer, index);
                break;
            case train::Op::image:
                reshape("image", index, {1, out.rows, out.columns, out.channels});
                break;
            case train::Op::conv2d:
                conv2d(layer, index, out);
                break;
            case train::Op::depthwise_conv2d:
                depthwise(layer, index, out);
                break;
            case train::Op::dense:
                dense(layer, index);
                break;
            // Steps lie along the width.
            case train::Op::max_pool:
            case train::Op::average_pool:
                pool(poolOp, in.image ? layer.size : 1, layer.size, index);
                break;
            case train::Op::global_max_pool:
            case train::Op::global_average_pool:
                pool(poolOp, in.image ? in.rows : 1, in.image ? in.columns : in.rows, index);
                break;
            case train::Op::flatten:
                flatten(index);
                break;
        }
    }

  private:
    void conv1d(const train::FloatLayer& layer, std::size_t index) {
        const auto& shape = current().shape;
        const std::int32_t steps = (shape[2] + layer.stride - 1) / layer.stride;
        nn::Operator op =
            weighted(layer, index, layer.filters, {layer.filters, 1, layer.kernel, shape[3]});
        op.op = nn::Op::conv2d;
        op.options.padding = nn::Padding::same;
        op.options.strideWidth = layer.stride;
        add(std::move(op), calibrated("conv1d", index, {1, 1, steps, layer.filters}));
    }

    void conv2d(const train::FloatLayer& layer, std::size_t index, train::LayerShape out) {
        nn::Operator op =
            weighted(layer, index, out.channels,
                     {out.channels, layer.kernel, layer.kernelColumns, current().shape[3]});
        op.op = nn::Op::conv2d;
        addConv2d(std::move(op), layer, index, out);
    }

    void depthwise(const train::FloatLayer& layer, std::size_t index, train::LayerShape out) {
        nn::Operator op = weighted(layer, index, out.channels,
                                   {1, layer.kernel, layer.kernelColumns, out.channels});
        op.op = nn::Op::depthwiseConv2d;
        nn::Tensor& weights = graph_.tensors[static_cast<std::size_t>(op.inputs[1])];
        weights.channelAxis = 3;
        weights.data = channelsInnermost(weights.data, static_cast<std::size_t>(out.channels));
        addConv2d(std::move(op), layer, index, out);
    }

    // The same bytes under another shape.
    void reshape(const std::string& name, std::size_t index, std::vector<std::int32_t> shape) {
        nn::Operator op;
        op.op = nn::Op::reshape;
        op.options.newShape = shape;
        op.inputs = {current_, int32Constant("shape_" + std::to_string(index), shape)};
        add(std::move(op), sameScale(name + "_" + std::to_string(index), std::move(shape)));
    }

    void dense(const train::FloatLayer& layer, std::size_t index) {
        const auto inputs = static_cast<std::int32_t>(nn::elementCount(current()));
        nn::Operator op = weighted(layer, index, layer.units, {layer.units, inputs});
        op.op = nn::Op::fullyConnected;
        add(std::move(op), calibrated("dense", index, {1, layer.units}));
    }

    // Windows of height x width side by side.
    void pool(nn::Op kind, std::int32_t height, std::int32_t width, std::size_t index) {
        nn::Operator op;
        op.op = kind;
        op.inputs = {current_};
        op.options.padding = nn::Padding::valid;
        op.options.filterHeight = op.options.strideHeight = height;
        op.options.filterWidth = op.options.strideWidth = width;
        const auto& shape = current().shape;
        add(std::move(op), sameScale("pool_" + std::to_string(index),
                                     {1, shape[1] / height, shape[2] / width, shape[3]}));
    }

    void flatten(std::size_t index) {
        if (current().shape.size() == 2) return;
        reshape("flat", index, {1, static_cast<std::int32_t>(nn::elementCount(current()))});
    }

    const nn::Tensor& current() const { return graph_.tensors[static_cast<std::size_t>(current_)]; }

    std::int32_t push(nn::Tensor tensor) {
        graph_.tensors.push_back(std::move(tensor));
        return static_cast<std::int32_t>(graph_.tensors.size() - 1);
    }

    std::int32_t activation(std::string name, std::vector<std::int32_t> shape, float scale,
                            std::int32_t zero) {
        nn::Tensor tensor;
        tensor.name = std::move(name);
        tensor.shape = std::move(shape);
        tensor.scales = {scale};
        tensor.zeroPoint = zero;
        return push(std::move(tensor));
    }

    std::int32_t calibrated(const std::string& name, std::size_t layer,
                            std::vector<std::int32_t> shape) {
        const auto [scale, zero] = train::activationScale(ranges_.layers[layer]);
        return activation(name + "_" + std::to_string(layer), std::move(shape), scale, zero);
    }

    std::int32_t sameScale(std::string name, std::vector<std::int32_t> shape) {
        const float scale = current().scales[0];
        const std::int32_t zero = current().zeroPoint;
        return activation(std::move(name), std::move(shape), scale, zero);
    }

    std::int32_t int32Constant(std::string name, const std::vector<std::int32_t>& values) {
        nn::Tensor tensor;
        tensor.name = std::move(name);
        tensor.type = nn::Type::int32;
        tensor.shape = {static_cast<std::int32_t>(values.size())};
        tensor.constant = true;
        for (const std::int32_t value : values) appendInt32(tensor.data, value);
        return push(std::move(tensor));
    }

    void add(nn::Operator op, std::int32_t output) {
        op.outputs = {output};
        graph_.operators.push_back(std::move(op));
        current_ = output;
    }

    void addConv2d(nn::Operator op, const train::FloatLayer& layer, std::size_t index,
                   train::LayerShape out) {
        op.options.padding = nn::Padding::same;
        op.options.strideHeight = layer.stride;
        op.options.strideWidth = layer.strideColumns;
        const std::string name(train::opName(layer.op));
        add(std::move(op), calibrated(name, index, {1, out.rows, out.columns, out.channels}));
    }

    // [channels][taps] to TFLite's [taps][channels].
    static std::vector<std::uint8_t> channelsInnermost(const std::vector<std::uint8_t>& from,
                                                       std::size_t channels) {
        std::vector<std::uint8_t> to(from.size());
        const std::size_t taps = from.size() / channels;
        for (std::size_t i = 0; i < from.size(); ++i) to[i % taps * channels + i / taps] = from[i];
        return to;
    }

    // Quantised weights and bias of a layer; `outputs` rows of equal length, one scale a row or one
    // for all.
    nn::Operator weighted(const train::FloatLayer& layer, std::size_t index, std::int32_t outputs,
                          std::vector<std::int32_t> shape) {
        const float inputScale = current().scales[0];
        const std::size_t rows = static_cast<std::size_t>(outputs);
        const std::size_t length = layer.weights.size() / rows;
        std::vector<float> scales = train::weightScales(layer, inputScale, perChannel_);

        nn::Tensor weights;
        weights.name = "weights_" + std::to_string(index);
        weights.shape = std::move(shape);
        weights.constant = true;
        nn::Tensor bias;
        bias.name = "bias_" + std::to_string(index);
        bias.type = nn::Type::int32;
        bias.shape = {outputs};
        bias.constant = true;
        for (std::size_t row = 0; row < rows; ++row) {
            const float scale = scales[scales.size() > 1 ? row : 0];
            for (std::size_t i = 0; i < length; ++i) {
                const float steps = std::round(layer.weights[row * length + i] / scale);
                weights.data.push_back(static_cast<std::uint8_t>(
                    static_cast<std::int8_t>(std::clamp(steps, -127.0F, 127.0F))));
            }
            const double steps = std::round(static_cast<double>(layer.bias[row]) /
                                            (static_cast<double>(inputScale) * scale));
            appendInt32(bias.data,
                        static_cast<std::int32_t>(std::clamp(steps, -2147483647.0, 2147483647.0)));
        }
        for (const float scale : scales) bias.scales.push_back(inputScale * scale);
        weights.scales = std::move(scales);

        nn::Operator op;
        op.options.activation = layer.relu ? nn::Activation::relu : nn::Activation::none;
        op.inputs = {current_, push(std::move(weights)), 0};
        op.inputs[2] = push(std::move(bias));
        return op;
    }

    const train::Ranges& ranges_;
    bool perChannel_;
    nn::Graph graph_;
    std::int32_t current_ = 0;
};

bool finite(const train::FloatNetwork& network) {
    const auto all = [](const std::vector<float>& values) {
        return std::all_of(values.begin(), values.end(),
                           [](float value) { return std::isfinite(value); });
    };
    return std::all_of(
        network.layers.begin(), network.layers.end(),
        [&](const train::FloatLayer& layer) { return all(layer.weights) && all(layer.bias); });
}

}  // namespace

Result<nn::Graph> quantize(const train::FloatNetwork& network, const train::Ranges& ranges,
                           bool perChannel) {
    if (!finite(network)) {
        return fail(Code::bad_data, "the trained network holds values that are not finite",
                    "train again with a smaller learning rate");
    }
    if (network.layers.empty() || network.layers.back().op != train::Op::dense ||
        ranges.layers.size() != network.layers.size()) {
        return fail(Code::bad_data, "the trained network does not end in a dense layer");
    }
    Builder builder(ranges, perChannel);
    builder.input(network);
    train::LayerShape shape = train::inputShape(network);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        const train::FloatLayer& layer = network.layers[i];
        const auto next = train::outputShape(layer, shape);
        if (!next) return std::unexpected(next.error());
        builder.layer(layer, i, shape, *next);
        shape = *next;
    }
    builder.softmax();
    nn::Graph graph = builder.take();
    if (auto steps = nn::prepare(graph); !steps) {
        return fail(Code::bad_data,
                    "the trained network cannot be quantised: " + steps.error().message);
    }
    return graph;
}

}  // namespace tinsmith::quantize
