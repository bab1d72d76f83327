#include "handlers/quantize/bias_correction.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/nn/run.hpp"

namespace tinsmith::quantize {

namespace {

// Element by element the mean over windows.
class Mean {
  public:
    void take(const std::vector<float>& values) {
        sums_.resize(values.size());
        for (std::size_t i = 0; i < values.size(); ++i) sums_[i] += static_cast<double>(values[i]);
        ++count_;
    }
    [[nodiscard]] std::vector<float> values() const {
        std::vector<float> result;
        for (const double sum : sums_)
            result.push_back(static_cast<float>(sum / static_cast<double>(count_)));
        return result;
    }

  private:
    std::vector<double> sums_;
    std::size_t count_ = 0;
};

const nn::Tensor& tensorOf(const nn::Graph& graph, std::int32_t index) {
    return graph.tensors[static_cast<std::size_t>(index)];
}

bool hasWeights(const nn::Operator& op) {
    return op.op == nn::Op::conv2d || op.op == nn::Op::depthwiseConv2d ||
           op.op == nn::Op::fullyConnected;
}

std::vector<float> real(const nn::Tensor& tensor, std::span<const std::int8_t> stored) {
    std::vector<float> values;
    for (const std::int8_t value : stored) {
        values.push_back(static_cast<float>(value - tensor.zeroPoint) * tensor.scales[0]);
    }
    return values;
}

// A layer is linear before its activation: its mean output is its output for the mean input.
std::vector<double> meanOutput(train::FloatLayer layer, train::LayerShape in,
                               const std::vector<float>& meanInput) {
    layer.relu = false;
    const std::size_t channels = layer.bias.size();
    train::FloatNetwork alone;
    alone.steps = in.rows;
    alone.features = in.columns * in.channels;
    if (in.image) {
        train::FloatLayer image;
        image.op = train::Op::image;
        image.channels = in.channels;
        alone.layers.push_back(std::move(image));
    }
    alone.layers.push_back(std::move(layer));
    std::vector<std::vector<float>> outputs;
    train::forward(alone, meanInput, outputs);
    std::vector<double> means(channels);
    const std::size_t places = outputs.back().size() / channels;
    for (std::size_t i = 0; i < outputs.back().size(); ++i) {
        means[i % channels] += static_cast<double>(outputs.back()[i]) / static_cast<double>(places);
    }
    return means;
}

// The layer with the values that its int8 weights and int32 biases stand for.
train::FloatLayer dequantised(const nn::Graph& graph, const nn::Operator& op,
                              train::FloatLayer layer) {
    const nn::Tensor& weights = tensorOf(graph, op.inputs[1]);
    const nn::Tensor& bias = tensorOf(graph, op.inputs[2]);
    const std::vector<std::int32_t> biases = nn::int32Values(bias);
    const std::size_t channels = layer.bias.size();
    const std::size_t taps = layer.weights.size() / channels;
    const bool innermost = weights.channelAxis == 3;
    for (std::size_t channel = 0; channel < channels; ++channel) {
        const std::size_t which = weights.scales.size() > 1 ? channel : 0;
        for (std::size_t tap = 0; tap < taps; ++tap) {
            const std::size_t at = innermost ? tap * channels + channel : channel * taps + tap;
            layer.weights[channel * taps + tap] =
                static_cast<float>(static_cast<std::int8_t>(weights.data[at])) *
                weights.scales[which];
        }
        layer.bias[channel] = static_cast<float>(biases[channel]) * bias.scales[which];
    }
    return layer;
}

void setInt32(std::vector<std::uint8_t>& data, std::size_t index, std::int32_t value) {
    for (std::size_t byte = 0; byte < 4; ++byte) {
        data[4 * index + byte] =
            static_cast<std::uint8_t>(static_cast<std::uint32_t>(value) >> (8 * byte));
    }
}

// What `op` reads, averaged over the windows, with the biases that the graph has now.
Result<std::vector<float>> meanInt8Input(const nn::Graph& graph, const nn::Operator& op,
                                         const std::vector<std::vector<float>>& inputs) {
    auto runner = nn::Runner::create(graph);
    if (!runner) return fail(Code::internal, runner.error());
    const nn::Tensor& first = tensorOf(graph, graph.inputs[0]);
    const nn::Tensor& read = tensorOf(graph, op.inputs[0]);
    const auto producer = std::ranges::find_if(
        graph.operators, [&](const nn::Operator& each) { return each.outputs[0] == op.inputs[0]; });
    Mean mean;
    for (const auto& input : inputs) {
        std::vector<std::int8_t> stored;
        for (const float value : input)
            stored.push_back(dsp::quantize(value, 1.0F / first.scales[0], first.zeroPoint));
        if (auto ran = runner->run(stored); !ran) return fail(Code::internal, ran.error());
        const auto values = producer == graph.operators.end()
                                ? std::span<const std::int8_t>(stored)
                                : runner->operatorOutput(
                                      static_cast<std::size_t>(producer - graph.operators.begin()));
        mean.take(real(read, values));
    }
    return mean.values();
}

}  // namespace

Status correctBiases(nn::Graph& graph, train::FloatNetwork& network,
                     const std::vector<std::vector<float>>& inputs) {
    if (inputs.empty()) return {};
    // What each layer reads in the float network as it was trained.
    std::vector<Mean> reads(network.layers.size());
    std::vector<std::vector<float>> outputs;
    for (const auto& input : inputs) {
        train::forward(network, input, outputs);
        for (std::size_t i = 0; i < reads.size(); ++i)
            reads[i].take(i == 0 ? input : outputs[i - 1]);
    }
    auto op = graph.operators.begin();
    train::LayerShape shape = train::inputShape(network);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        train::FloatLayer& layer = network.layers[i];
        const train::LayerShape in = shape;
        auto out = train::outputShape(layer, in);
        if (!out) return std::unexpected(out.error());
        shape = *out;
        if (layer.bias.empty()) continue;
        op = std::find_if(op, graph.operators.end(), hasWeights);
        if (op == graph.operators.end())
            return fail(Code::internal, "the graph is another network's");
        const auto wanted = meanOutput(layer, in, reads[i].values());
        auto read = meanInt8Input(graph, *op, inputs);
        if (!read) return std::unexpected(read.error());
        const auto got = meanOutput(dequantised(graph, *op, layer), in, *read);

        nn::Tensor& bias = graph.tensors[static_cast<std::size_t>(op->inputs[2])];
        const std::vector<std::int32_t> before = nn::int32Values(bias);
        for (std::size_t channel = 0; channel < layer.bias.size(); ++channel) {
            const auto scale =
                static_cast<double>(bias.scales[bias.scales.size() > 1 ? channel : 0]);
            const double shift = std::round((wanted[channel] - got[channel]) / scale);
            const double moved = std::clamp(before[channel] + shift, -2147483647.0, 2147483647.0);
            setInt32(bias.data, channel, static_cast<std::int32_t>(moved));
            layer.bias[channel] = static_cast<float>(moved * scale);
        }
        ++op;
    }
    return {};
}

}  // namespace tinsmith::quantize
