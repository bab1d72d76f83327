#pragma once

#include <cstdint>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::dsp {

// Rows of `out` are rowStride floats apart.
void image(const Block& block, const float* window, std::uint32_t channels, float* out,
           std::uint32_t rowStride);

}  // namespace tinsmith::dsp
