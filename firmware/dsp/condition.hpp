#pragma once

#include <cstdint>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::dsp {

// False where nothing is done to a window.
[[nodiscard]] bool conditions(const Conditioning& conditioning);

// length / resample samples go to `out`.
void condition(const Conditioning& conditioning, const float* window, std::uint32_t length,
               std::uint32_t channels, float* out);

}  // namespace tinsmith::dsp
