#pragma once

#include <cstdint>

namespace tinsmith::dsp {

// Magnitudes of the lines 1 … size/2 of a real signal, scaled so that a sine of amplitude a in the
// middle of a line shows as a (the Hann window's gain is taken out). `frame` holds `size` samples
// (a power of two, kMinFft … kMaxFft); it is made free of its mean, windowed and overwritten. The
// result stands in frame[0 … size/2).
void magnitudes(float* frame, std::uint32_t size);

}  // namespace tinsmith::dsp
