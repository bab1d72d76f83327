#pragma once

#include <cstdint>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::dsp {

// 80 dB below the loudest: as natural logarithm of a power.
inline constexpr float kFaintest = -18.420681f;

// Every line inside has a weight, and the last edge is a line's.
[[nodiscard]] bool validEdges(const std::uint32_t* edges, std::uint32_t bands, std::uint32_t fft);

// `work` holds block.fft floats. Rows of `out` are rowStride floats apart.
void mel(const Block& block, const float* window, std::uint32_t length, std::uint32_t channels,
         float* work, float* out, std::uint32_t rowStride);

}  // namespace tinsmith::dsp
