// About 17 instructions an element: both operands' offsets are folded into constants, the coarse
// one needs no multiplication.
#include "firmware/nn/cores/armv7em/finish.hpp"
#include "firmware/nn/cores/armv7em/kernels.hpp"

namespace tinsmith::nn::armv7em {

void addScaled(const Add& a, const std::int8_t* coarse, const std::int8_t* fine,
               std::int8_t* output) {
    const Scale scale = {a.multiplier, a.round, a.shift};
    const std::int32_t constant = a.constant;
    const std::int32_t fineConstant = a.fineConstant;
    const std::int32_t fineMultiplier = a.fineMultiplier;
    const std::int32_t fineShift = a.fineShift;
    const std::int32_t fineRound = a.fineRound;
    const std::int8_t* const end = coarse + a.count;
    while (coarse != end) {
        std::int32_t y = highMultiply(fineConstant + *fine++ * (1 << 21), fineMultiplier);
        y = (y + (y >> 31) + fineRound) >> fineShift;
        y += constant + *coarse++ * (1 << 19);
        *output++ = static_cast<std::int8_t>(finish<Finish::clamp>(y * 2, scale, a));
    }
}

}  // namespace tinsmith::nn::armv7em
