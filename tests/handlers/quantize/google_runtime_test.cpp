// Exported models in Google's own runtime.
#include <gtest/gtest.h>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/nn/run.hpp"
#include "handlers/quantize/calibration.hpp"
#include "handlers/quantize/post_training.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/google_runtime.hpp"
#include "tests/handlers/quantize/random_network.hpp"

namespace tinsmith {
namespace {

TEST(GoogleRuntime, OpensEveryKindOfNetworkAndAgrees) {
    const auto runtime = test::GoogleRuntime::install();
    if (!runtime)
        GTEST_SKIP()
            << "GoogleRuntime.OpensEveryKindOfNetworkAndAgrees: no node, npm or package registry";
    test::Comparison all;
    for (int kind = 0; kind < test::kNetworkKinds; ++kind) {
        auto network = test::randomNetwork(kind, 11);
        std::vector<std::vector<float>> windows;
        for (int i = 0; i < 400; ++i) windows.push_back(network.input());
        const auto graph =
            quantize::quantize(network.network, quantize::calibrate(network.network, windows))
                .value();
        const nn::Tensor& tensor = graph.tensors[static_cast<std::size_t>(graph.inputs[0])];
        auto runner = nn::Runner::create(graph).value();
        std::vector<std::int8_t> inputs, outputs;
        for (const auto& window : windows) {
            std::vector<std::int8_t> input;
            for (const float value : window) {
                input.push_back(dsp::quantize(value, 1.0F / tensor.scales[0], tensor.zeroPoint));
            }
            const auto scores = runner.run(input).value();
            inputs.insert(inputs.end(), input.begin(), input.end());
            outputs.insert(outputs.end(), scores.begin(), scores.end());
        }
        const auto theirs = runtime->run(quantize::writeTflite(graph).value(), inputs);
        ASSERT_TRUE(theirs) << "network " << kind;
        ASSERT_EQ(theirs->size(), windows.size());
        const auto one = test::compareScores("network " + std::to_string(kind), outputs, *theirs);
        std::printf("network %d: same class %zu of %zu, %zu of %zu scores differ by more than 1\n",
                    kind, one.sameClass, one.windows, one.overOne, one.values);
        all.windows += one.windows;
        all.sameClass += one.sameClass;
    }
    EXPECT_GE(static_cast<double>(all.sameClass), 0.995 * static_cast<double>(all.windows));
}

}  // namespace
}  // namespace tinsmith
