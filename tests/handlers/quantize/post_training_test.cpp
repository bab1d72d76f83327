// From float to int8: agreement with the float network, the rules of the TFLite specification, and
// repeatable bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/nn/run.hpp"
#include "handlers/quantize/calibration.hpp"
#include "handlers/quantize/evaluate.hpp"
#include "handlers/quantize/post_training.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/random_network.hpp"

namespace tinsmith {
namespace {

using test::randomNetwork;

std::vector<std::vector<float>> inputs(test::RandomNetwork& network, int count) {
    std::vector<std::vector<float>> result;
    for (int i = 0; i < count; ++i) result.push_back(network.input());
    return result;
}

std::vector<std::int8_t> quantised(const nn::Graph& graph, const std::vector<float>& input) {
    const nn::Tensor& tensor = graph.tensors[static_cast<std::size_t>(graph.inputs[0])];
    std::vector<std::int8_t> result;
    for (const float value : input)
        result.push_back(dsp::quantize(value, 1.0F / tensor.scales[0], tensor.zeroPoint));
    return result;
}

TEST(PostTraining, AgreesWithTheFloatNetwork) {
    std::size_t all = 0;
    std::size_t same = 0;
    std::size_t strayed = 0;
    for (int kind = 0; kind < test::kNetworkKinds; ++kind) {
        for (std::uint32_t seed = 1; seed <= 4; ++seed) {
            auto network = randomNetwork(kind, seed);
            const auto calibration = quantize::calibrate(network.network, inputs(network, 256));
            auto graph = quantize::quantize(network.network, calibration);
            ASSERT_TRUE(graph) << graph.error().message;
            auto runner = nn::Runner::create(*graph);
            ASSERT_TRUE(runner) << runner.error();
            std::vector<std::vector<float>> outputs;
            for (const auto& input : inputs(network, 200)) {
                train::forward(network.network, input, outputs);
                const auto& logits = outputs.back();
                auto sorted = logits;
                std::sort(sorted.rbegin(), sorted.rend());
                auto scores = runner->run(quantised(*graph, input));
                ASSERT_TRUE(scores);
                const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
                ++all;
                same += quantize::largest(scores->data(), scores->size()) == best ? 1 : 0;
                double sum = 0;
                for (const float logit : logits)
                    sum += std::exp(static_cast<double>(logit - sorted[0]));
                const double probability = 1 / sum;
                const double int8 = ((*scores)[static_cast<std::size_t>(best)] + 128) / 256.0;
                strayed += std::fabs(int8 - probability) > 0.12 ? 1 : 0;
            }
        }
    }
    std::printf("float and int8 agree on %zu of %zu random windows\n", same, all);
    EXPECT_GE(static_cast<double>(same), 0.975 * static_cast<double>(all));
    // A window beyond the calibrated ranges may saturate; the others keep their probabilities.
    EXPECT_LE(static_cast<double>(strayed), 0.001 * static_cast<double>(all));
}

TEST(PostTraining, FollowsTheSpecification) {
    for (int kind = 0; kind < test::kNetworkKinds; ++kind) {
        auto network = randomNetwork(kind, 7);
        auto graph = quantize::quantize(network.network,
                                        quantize::calibrate(network.network, inputs(network, 64)));
        ASSERT_TRUE(graph);
        for (const nn::Operator& op : graph->operators) {
            const nn::Tensor& output = graph->tensors[static_cast<std::size_t>(op.outputs[0])];
            EXPECT_EQ(output.scales.size(), 1u);
            if (op.op != nn::Op::conv2d && op.op != nn::Op::fullyConnected) continue;
            const nn::Tensor& input = graph->tensors[static_cast<std::size_t>(op.inputs[0])];
            const nn::Tensor& weights = graph->tensors[static_cast<std::size_t>(op.inputs[1])];
            const nn::Tensor& bias = graph->tensors[static_cast<std::size_t>(op.inputs[2])];
            EXPECT_EQ(weights.zeroPoint, 0);
            EXPECT_EQ(std::count(weights.data.begin(), weights.data.end(), 0x80), 0)
                << "-128 is not used";
            EXPECT_EQ(weights.scales.size(),
                      op.op == nn::Op::conv2d ? static_cast<std::size_t>(weights.shape[0]) : 1u);
            ASSERT_EQ(bias.scales.size(), weights.scales.size());
            for (std::size_t i = 0; i < bias.scales.size(); ++i) {
                EXPECT_EQ(bias.scales[i], input.scales[0] * weights.scales[i]);
            }
            if (op.options.activation == nn::Activation::relu) {
                EXPECT_EQ(output.zeroPoint, -128);
            }
        }
        const nn::Tensor& scores = graph->tensors[static_cast<std::size_t>(graph->outputs[0])];
        EXPECT_EQ(scores.scales[0], 1.0F / 256);
        EXPECT_EQ(scores.zeroPoint, -128);
    }
}

TEST(PostTraining, ExportsAndImportsWithTheSameOutputs) {
    for (int kind = 0; kind < test::kNetworkKinds; ++kind) {
        auto network = randomNetwork(kind, 3);
        auto graph = quantize::quantize(network.network,
                                        quantize::calibrate(network.network, inputs(network, 64)));
        ASSERT_TRUE(graph);
        auto bytes = quantize::writeTflite(*graph);
        ASSERT_TRUE(bytes);
        auto again = quantize::quantize(network.network, quantize::calibrate(network.network, {}));
        ASSERT_TRUE(again) << "even without calibration nothing divides by zero";
        auto read = quantize::readTflite(*bytes);
        ASSERT_TRUE(read) << read.error().message;
        auto first = nn::Runner::create(*graph);
        auto second = nn::Runner::create(*read);
        ASSERT_TRUE(first && second);
        for (const auto& input : inputs(network, 50)) {
            EXPECT_EQ(first->run(quantised(*graph, input)).value(),
                      second->run(quantised(*graph, input)).value());
        }
    }
}

TEST(PostTraining, SameInputsSameBytes) {
    const auto make = [] {
        auto network = randomNetwork(1, 5);
        auto graph = quantize::quantize(network.network,
                                        quantize::calibrate(network.network, inputs(network, 64)));
        return quantize::writeTflite(graph.value()).value();
    };
    EXPECT_EQ(make(), make());
}

TEST(PostTraining, ValuesThatAreNotFiniteAreRefused) {
    auto network = randomNetwork(0, 1);
    const auto calibration = quantize::calibrate(network.network, inputs(network, 8));
    network.network.layers[1].weights[3] = std::numeric_limits<float>::quiet_NaN();
    auto graph = quantize::quantize(network.network, calibration);
    ASSERT_FALSE(graph);
    EXPECT_EQ(graph.error().code, Code::bad_data);
}

TEST(PostTraining, ALayerOfZerosIsQuantised) {
    auto network = randomNetwork(0, 1);
    for (auto& layer : network.network.layers) {
        std::fill(layer.weights.begin(), layer.weights.end(), 0.0F);
        std::fill(layer.bias.begin(), layer.bias.end(), 0.0F);
    }
    auto graph = quantize::quantize(network.network,
                                    quantize::calibrate(network.network, inputs(network, 8)));
    ASSERT_TRUE(graph) << graph.error().message;
    auto runner = nn::Runner::create(*graph);
    ASSERT_TRUE(runner);
    const auto scores = runner->run(std::vector<std::int8_t>(runner->inputBytes())).value();
    for (const std::int8_t score : scores) EXPECT_EQ(score, -64);  // a quarter each
}

}  // namespace
}  // namespace tinsmith
