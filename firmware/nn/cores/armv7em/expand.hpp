// The taps of one pixel as int16, for convolution.
#pragma once

#include <cstdint>

#include "firmware/nn/cores/armv7em/kernels.hpp"

namespace tinsmith::nn::armv7em {

// Four taps each, to every third word of `taps`: first 0 and 2, then 1 and 3.
void expandTaps(const std::int8_t* from, std::int32_t fours, std::uint32_t* taps);

// The window at (top, left) of the image in the same way, in the order that Conv2d says. Outside
// the image lies padding. `bytes`: room for what is left over of rows and for one row, used where 4
// does not divide the channels.
void gatherTaps(const Conv2d& c, const std::int8_t* image, std::int32_t top, std::int32_t left,
                std::uint32_t* taps, void* bytes);

}  // namespace tinsmith::nn::armv7em
