// From a quantised network and its feature pipeline to model.cpp, the one source file that makes an
// image of its own: see firmware/app/model.hpp for what it defines. Same input, same text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/nn/graph.hpp"
#include "handlers/build/code_source.hpp"
#include "handlers/build/infer_source.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::build {

// A window of samples and what the network must answer to it; the device checks itself with these.
struct GoldenVector {
    std::vector<float> window;        // length * channels
    std::vector<std::int8_t> output;  // one score a class
};

struct GenerateInput {
    std::string name, version;
    std::vector<std::uint8_t> digest;  // SHA-256 of the .tflite file
    dsp::Pipeline pipeline{};          // with tables, and the quantiser of the graph's input
    nn::Graph graph;
    Core core = Core::portable;
    std::vector<std::string> labels;
    std::uint16_t stride = 1;  // samples between window starts
    std::vector<GoldenVector> golden;
    LinkedCode code;
};

struct Generated {
    std::string source;
    Json
        report;  // {"arena_bytes","scratch_bytes","constant_bytes","golden_bytes","window_bytes","macs","operators":[…]}
};

// bad_data: parts that do not fit each other, or a value that is not finite. unsupported: see
// inferSource().
[[nodiscard]] Result<Generated> generate(const GenerateInput& input);

}  // namespace tinsmith::build
