// What the feature blocks of a model cost on a core with an FPU.
#pragma once

#include <cstdint>
#include <string>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::plan {

// Conditioning, blocks, normalisation and the input's quantiser, of one window. The pipeline is
// valid.
std::uint64_t featureInstructions(const dsp::Pipeline& pipeline);

// Bytes of tables; the code of all blocks is part of the platform.
std::uint64_t featureFlash(const dsp::Pipeline& pipeline);

// The instructions, for planners.
std::string featureText();

}  // namespace tinsmith::plan
