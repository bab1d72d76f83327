// Kernels of a core read weights in a form of their own, which takes more bytes than the file's
// where filters come in odd numbers or taps are few. What that may cost in flash.
#pragma once

#include <cstdint>
#include <vector>

#include "firmware/nn/prepare.hpp"
#include "handlers/build/step_source.hpp"

namespace tinsmith::build {

// The most bytes that the parameters of a network may take: its constants and 5 percent, and for
// each filter a multiplier and a shift.
[[nodiscard]] std::int64_t parameterLimit(const nn::Graph& graph);

// Puts portable kernels, which read weights as the file has them, in the place of a core's own
// until parameters are within the limit: first where the most bytes are saved for a multiplication.
void keepToParameterLimit(const nn::Graph& graph, const std::vector<nn::Step>& steps,
                          std::vector<StepSource>& sources);

}  // namespace tinsmith::build
