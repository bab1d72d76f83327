// A complete small model to generate source from, without training anything.
#pragma once

#include <string>
#include <vector>

#include "firmware/nn/run.hpp"
#include "handlers/build/generate.hpp"
#include "handlers/quantize/calibration.hpp"
#include "handlers/quantize/post_training.hpp"
#include "tests/handlers/quantize/random_network.hpp"

namespace tinsmith::test {

inline nn::Graph randomGraph(int kind, std::uint32_t seed) {
    auto network = randomNetwork(kind, seed);
    std::vector<std::vector<float>> inputs;
    for (int i = 0; i < 64; ++i) inputs.push_back(network.input());
    return quantize::quantize(network.network, quantize::calibrate(network.network, inputs))
        .value();
}

// Owns the tables that its GenerateInput points to.
struct SampleModel {
    std::vector<dsp::Block> blocks;
    std::vector<float> mean, inverseDeviation;
    build::GenerateInput input;

    explicit SampleModel(std::vector<std::string> labels = {"idle", "left", "right", "up"}) {
        blocks.push_back({dsp::BlockKind::raw, false, false, false, 1, 0, 0, 0});
        mean = {0.25F, 0.1F, -1.0F / 3};
        inverseDeviation = {1.5F, 2, 0.7F};
        input.graph = randomGraph(1, 9);
        const nn::Tensor& tensor =
            input.graph.tensors[static_cast<std::size_t>(input.graph.inputs[0])];
        input.pipeline = {100,
                          3,
                          blocks.data(),
                          1,
                          mean.data(),
                          inverseDeviation.data(),
                          1 / tensor.scales[0],
                          tensor.zeroPoint};
        input.name = "sample";
        input.version = "7";
        input.digest.assign(32, 0xab);
        input.labels = std::move(labels);
        input.stride = 50;
        auto runner = nn::Runner::create(input.graph).value();
        std::vector<float> scratch(dsp::scratchFloats(input.pipeline) + 1);
        for (int g = 0; g < 2; ++g) {
            build::GoldenVector golden;
            for (int i = 0; i < 300; ++i)
                golden.window.push_back(static_cast<float>((i * 37 + g * 11) % 100) / 50 - 1);
            std::vector<std::int8_t> features(300);
            dsp::run(input.pipeline, golden.window.data(), scratch.data(), features.data());
            golden.output = runner.run(features).value();
            input.golden.push_back(std::move(golden));
        }
    }
};

}  // namespace tinsmith::test
