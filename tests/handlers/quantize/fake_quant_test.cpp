// The trainer's fake quantisation against the kernels of the microcontroller, layer by layer.
#include "handlers/train/fake_quant.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/nn/run.hpp"
#include "handlers/quantize/calibration.hpp"
#include "handlers/quantize/evaluate.hpp"
#include "handlers/quantize/post_training.hpp"
#include "tests/handlers/quantize/random_network.hpp"

namespace tinsmith {
namespace {

using test::randomNetwork;

std::vector<std::vector<float>> inputs(test::RandomNetwork& network, int count) {
    std::vector<std::vector<float>> result;
    for (int i = 0; i < count; ++i) result.push_back(network.input());
    return result;
}

torch::Tensor batchOf(const train::FloatNetwork& network,
                      const std::vector<std::vector<float>>& windows) {
    std::vector<float> all;
    for (const auto& window : windows) all.insert(all.end(), window.begin(), window.end());
    return torch::tensor(all).view(
        {static_cast<std::int64_t>(windows.size()), network.steps, network.features});
}

// Operators that layers became: a flatten of one row became none, softmax belongs to no layer.
std::vector<std::size_t> operatorsOf(const nn::Graph& graph, const train::FloatNetwork& network) {
    std::vector<std::size_t> result;
    for (std::size_t op = 0; op < graph.operators.size(); ++op) {
        const auto& name =
            graph.tensors[static_cast<std::size_t>(graph.operators[op].outputs[0])].name;
        const auto at = name.rfind('_');
        if (at == std::string::npos) continue;
        result.resize(std::stoul(name.substr(at + 1)), result.empty() ? 0 : result.back());
        result.push_back(op);
    }
    EXPECT_EQ(result.size(), network.layers.size());
    return result;
}

struct Difference {
    std::size_t values = 0;
    std::size_t unequal = 0;
    int largest = 0;
    std::size_t windows = 0;
    std::size_t sameClass = 0;
};

Difference compare(const train::FloatNetwork& network, const plan::Quantization& recipe,
                   const std::vector<std::vector<float>>& windows) {
    Difference difference;
    const auto ranges = quantize::calibrate(network, windows, recipe);
    const auto graph = quantize::quantize(network, ranges, recipe.perChannel).value();
    auto net = train::FakeQuantNet::create(network, ranges, recipe.perChannel).value();
    const torch::Tensor batch = batchOf(network, windows);
    const auto outputs = net->int8Outputs(batch);
    const torch::Tensor logits = net->forward(batch);
    const nn::Tensor& first = graph.tensors[static_cast<std::size_t>(graph.inputs[0])];
    auto runner = nn::Runner::create(graph).value();
    const auto operators = operatorsOf(graph, network);
    for (std::size_t window = 0; window < windows.size(); ++window) {
        std::vector<std::int8_t> stored;
        for (const float value : windows[window])
            stored.push_back(dsp::quantize(value, 1.0F / first.scales[0], first.zeroPoint));
        const auto scores = runner.run(stored).value();
        for (std::size_t layer = 0; layer < operators.size(); ++layer) {
            const auto kernel = runner.operatorOutput(operators[layer]);
            const torch::Tensor mine =
                outputs[layer][static_cast<std::int64_t>(window)].contiguous();
            EXPECT_EQ(static_cast<std::size_t>(mine.numel()), kernel.size());
            for (std::size_t i = 0; i < kernel.size(); ++i) {
                const int apart = std::abs(mine.data_ptr<std::int8_t>()[i] - kernel[i]);
                ++difference.values;
                difference.unequal += apart != 0 ? 1 : 0;
                difference.largest = std::max(difference.largest, apart);
            }
        }
        // Softmax may give two logits one score; the class it stands for has the largest one.
        const auto best = logits[static_cast<std::int64_t>(window)].argmax().item<std::int64_t>();
        ++difference.windows;
        difference.sameClass += scores[static_cast<std::size_t>(best)] ==
                                        *std::max_element(scores.begin(), scores.end())
                                    ? 1
                                    : 0;
    }
    return difference;
}

TEST(FakeQuant, ComputesWhatTheKernelsCompute) {
    at::set_num_threads(1);
    for (const bool perChannel : {true, false}) {
        for (const auto calibration :
             {plan::CalibrationKind::min_max, plan::CalibrationKind::percentile,
              plan::CalibrationKind::mse}) {
            plan::Quantization recipe;
            recipe.calibration = calibration;
            recipe.percentile = 98;  // so that values really saturate
            recipe.perChannel = perChannel;
            Difference all;
            for (int kind = 0; kind < test::kNetworkKinds; ++kind) {
                for (std::uint32_t seed = 1; seed <= 3; ++seed) {
                    auto network = randomNetwork(kind, seed);
                    const Difference one = compare(network.network, recipe, inputs(network, 40));
                    all.values += one.values;
                    all.unequal += one.unequal;
                    all.largest = std::max(all.largest, one.largest);
                    all.windows += one.windows;
                    all.sameClass += one.sameClass;
                }
            }
            std::printf(
                "%s: %zu of %zu int8 values differ, by %d at most; class equal on %zu of "
                "%zu windows\n",
                plan::describe(recipe).c_str(), all.unequal, all.values, all.largest, all.sameClass,
                all.windows);
            EXPECT_EQ(all.unequal, 0U) << "1 would be allowed, but the arithmetic is the same";
            EXPECT_EQ(all.sameClass, all.windows);
        }
    }
}

TEST(FakeQuant, GradientsGoStraightThroughAndStopAtTheClamp) {
    auto network = randomNetwork(1, 2);
    const auto windows = inputs(network, 16);
    const auto ranges = quantize::calibrate(network.network, windows);
    auto net = train::FakeQuantNet::create(network.network, ranges, true).value();
    const torch::Tensor batch = batchOf(network.network, windows);
    net->forward(batch).pow(2).sum().backward();
    for (const torch::Tensor& weight : net->weights()) {
        EXPECT_GT(weight.grad().abs().sum().item<double>(), 0) << "rounding stopped the gradient";
        EXPECT_TRUE(weight.grad().isfinite().all().item<bool>());
    }
    // A small step against the gradient makes the loss smaller: it points the right way.
    const auto loss = [&] { return net->forward(batch).pow(2).sum().item<double>(); };
    const double before = loss();
    {
        torch::NoGradGuard noGrad;
        for (torch::Tensor weight : net->weights()) {
            weight.sub_(weight.grad() * (0.02 * weight.abs().max() / weight.grad().abs().max()));
        }
    }
    EXPECT_LT(loss(), before);

    // With ranges of almost nothing all saturates, and nothing can be learned.
    auto narrow = ranges;
    for (auto& range : narrow.layers) range = {0, 1e-6F};
    auto stuck = train::FakeQuantNet::create(network.network, narrow, true).value();
    stuck->forward(batch).pow(2).sum().backward();
    EXPECT_EQ(stuck->weights()[0].grad().abs().sum().item<double>(), 0);
}

TEST(FakeQuant, ExportsTheWeightsItStartedFrom) {
    auto network = randomNetwork(2, 1);
    const auto ranges = quantize::calibrate(network.network, inputs(network, 8));
    auto net = train::FakeQuantNet::create(network.network, ranges, true).value();
    const auto layers = net->exportLayers();
    ASSERT_EQ(layers.size(), network.network.layers.size());
    for (std::size_t i = 0; i < layers.size(); ++i) {
        EXPECT_EQ(layers[i].op, network.network.layers[i].op);
        EXPECT_EQ(layers[i].weights, network.network.layers[i].weights);
        EXPECT_EQ(layers[i].bias, network.network.layers[i].bias);
    }
}

}  // namespace
}  // namespace tinsmith
