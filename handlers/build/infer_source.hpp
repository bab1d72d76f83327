// The network as C++ source: constants, a static memory plan and one function that calls the
// kernels in order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "firmware/nn/graph.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::build {

// Whose kernels the network is generated for: the portable ones, or a core's own (a folder of
// firmware/nn/cores) where it has some for a layer.
enum class Core { portable, armv7em };

// Flash for speed. `limited`: parameters take no more than parameterLimit() says, and small layers
// may have portable kernels for it. `fast`: a core's own kernels wherever there are some.
enum class Parameters { limited, fast };

// The name as board.toml has it under `kernels`; nothing for an unknown one.
[[nodiscard]] std::optional<Core> coreNamed(std::string_view name);

struct InferSource {
    std::string includes;  // lines for the top of the file
    std::string text;  // inside an anonymous namespace: constants, `arena`, `infer(input, output)`
    std::int64_t arenaBytes = 0;
    std::int64_t inputOffset =
        0;  // where in the arena the inputs may be written before infer() runs
    std::int64_t constantBytes = 0;  // weights, biases, multipliers, shifts
    // [{"index","op","kernel","macs","offset","bytes","scratch"}]; offset null = written to the
    // output
    Json operators;
};

// `keepOutputs`: every operator's output stays in the arena until the end, for tests. The graph has
// one output. `infer` may be called with its input in the arena at inputOffset, or elsewhere with
// three readable bytes behind it. Small scratch lies on the stack, larger one in the arena. Several
// inputs lie one after the other in the order of Graph::inputs, each begins where the one before
// ends, as nn::Runner::run() takes them. No kernel needs an alignment: the portable ones read
// bytes, those of Armv7E-M words with loads that the core does at any address.
[[nodiscard]] Result<InferSource> inferSource(const nn::Graph& graph, Core core = Core::portable,
                                              bool keepOutputs = false,
                                              Parameters parameters = Parameters::limited);

}  // namespace tinsmith::build
