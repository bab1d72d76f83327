// What the feature blocks of a model cost on a core with an FPU.
#pragma once

#include <cstdint>
#include <string>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::plan {

// Conditioning, blocks, normalisation and the input's quantiser, of one window. The pipeline is
// valid.
std::uint64_t featureInstructions(const dsp::Pipeline& pipeline);

// Bytes of code and tables.
std::uint64_t featureFlash(const dsp::Pipeline& pipeline);

// The same for planners.
std::string featureText();
std::string featureFlashText();

}  // namespace tinsmith::plan
