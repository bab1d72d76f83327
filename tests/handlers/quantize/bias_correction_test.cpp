// Bias correction against shifts that are known by construction.
#include "handlers/quantize/bias_correction.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/nn/run.hpp"
#include "handlers/quantize/calibration.hpp"
#include "handlers/quantize/post_training.hpp"
#include "tests/handlers/quantize/random_network.hpp"

namespace tinsmith::quantize {
namespace {

std::vector<std::vector<float>> inputs(test::RandomNetwork& network, int count) {
    std::vector<std::vector<float>> result;
    for (int i = 0; i < count; ++i) result.push_back(network.input());
    return result;
}

const nn::Tensor& logits(const nn::Graph& graph) {
    const nn::Operator& softmax = graph.operators.back();
    return graph.tensors[static_cast<std::size_t>(softmax.inputs[0])];
}

// Mean over windows and classes of how far int8 logits are from the float ones, with sign, class
// by class.
std::vector<double> meanShift(const nn::Graph& graph, const train::FloatNetwork& network,
                              const std::vector<std::vector<float>>& windows) {
    const nn::Tensor& first = graph.tensors[static_cast<std::size_t>(graph.inputs[0])];
    const nn::Tensor& last = logits(graph);
    auto runner = nn::Runner::create(graph).value();
    std::vector<std::vector<float>> outputs;
    std::vector<double> shift(network.layers.back().bias.size());
    for (const auto& window : windows) {
        train::forward(network, window, outputs);
        std::vector<std::int8_t> stored;
        for (const float value : window)
            stored.push_back(dsp::quantize(value, 1.0F / first.scales[0], first.zeroPoint));
        EXPECT_TRUE(runner.run(stored));
        const auto int8 = runner.operatorOutput(graph.operators.size() - 2);
        for (std::size_t i = 0; i < shift.size(); ++i) {
            const auto value =
                static_cast<double>(int8[i] - last.zeroPoint) * static_cast<double>(last.scales[0]);
            shift[i] += (value - static_cast<double>(outputs.back()[i])) /
                        static_cast<double>(windows.size());
        }
    }
    return shift;
}

double largest(const std::vector<double>& shifts) {
    double most = 0;
    for (const double shift : shifts) most = std::max(most, std::fabs(shift));
    return most;
}

void addToBias(nn::Graph& graph, const nn::Operator& op, std::int32_t steps) {
    nn::Tensor& bias = graph.tensors[static_cast<std::size_t>(op.inputs[2])];
    std::vector<std::int32_t> values = nn::int32Values(bias);
    bias.data.clear();
    for (std::int32_t value : values) {
        value += steps;
        for (int byte = 0; byte < 4; ++byte)
            bias.data.push_back(
                static_cast<std::uint8_t>(static_cast<std::uint32_t>(value) >> (8 * byte)));
    }
}

TEST(BiasCorrection, RemovesAKnownShift) {
    auto network = test::randomNetwork(0, 1);
    const auto windows = inputs(network, 256);
    auto ranges = calibrate(network.network, windows);
    auto clean = quantize(network.network, ranges).value();
    auto copy = network.network;
    ASSERT_TRUE(correctBiases(clean, copy, windows));

    auto shifted = quantize(network.network, ranges).value();
    for (const nn::Operator& op : shifted.operators) {
        if (op.op == nn::Op::fullyConnected) addToBias(shifted, op, 700);
    }
    auto another = network.network;
    ASSERT_TRUE(correctBiases(shifted, another, windows));
    for (std::size_t i = 0; i < clean.tensors.size(); ++i) {
        EXPECT_EQ(shifted.tensors[i].data, clean.tensors[i].data) << clean.tensors[i].name;
    }
    EXPECT_EQ(another.layers[0].bias, copy.layers[0].bias);
}

TEST(BiasCorrection, TakesTheMeanErrorOutOfTheLogits) {
    double before = 0;
    double after = 0;
    for (int kind = 0; kind < test::kNetworkKinds; ++kind) {
        auto network = test::randomNetwork(kind, 5);
        // Weights that all round the same way: the shift that the correction is for.
        for (auto& layer : network.network.layers) {
            float most = 0;
            for (const float weight : layer.weights) most = std::max(most, std::fabs(weight));
            for (float& weight : layer.weights)
                weight = (std::round(weight / most * 127) + 0.3F) * most / 127;
        }
        const auto windows = inputs(network, 200);
        const auto ranges = calibrate(network.network, windows);
        auto graph = quantize(network.network, ranges, false).value();
        const double shift = largest(meanShift(graph, network.network, windows));
        auto corrected = network.network;
        ASSERT_TRUE(correctBiases(graph, corrected, windows));
        const double rest = largest(meanShift(graph, network.network, windows));
        const auto step = static_cast<double>(logits(graph).scales[0]);
        std::printf(
            "network %d: largest mean shift of a logit %.4f, corrected %.4f, one step %.4f\n", kind,
            shift, rest, step);
        EXPECT_LE(rest, step) << "network " << kind;
        before += shift;
        after += rest;
    }
    EXPECT_LT(after, before / 2);
}

TEST(BiasCorrection, WithoutWindowsNothingChanges) {
    auto network = test::randomNetwork(1, 1);
    auto graph = quantize(network.network, calibrate(network.network, inputs(network, 16))).value();
    const auto before = graph.tensors[3].data;
    ASSERT_TRUE(correctBiases(graph, network.network, {}));
    EXPECT_EQ(graph.tensors[3].data, before);
}

}  // namespace
}  // namespace tinsmith::quantize
