// The network as C++ source: constants, a static memory plan and one function that calls the
// kernels in order.
#pragma once

#include <string>

#include "firmware/nn/graph.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::build {

struct InferSource {
    std::string text;  // inside an anonymous namespace: constants, `arena`, `infer(input, output)`
    std::int64_t arenaBytes = 0;
    std::int64_t inputOffset =
        0;  // where in the arena the input may be written before infer() runs
    std::int64_t constantBytes = 0;  // weights, biases, multipliers, shifts
    Json
        operators;  // [{"index","op","macs","offset","bytes"}]; offset null = written to the output
};

// The graph has one input and one output. `infer` may be called with its input in the arena at
// inputOffset, or elsewhere.
[[nodiscard]] Result<InferSource> inferSource(const nn::Graph& graph);

}  // namespace tinsmith::build
