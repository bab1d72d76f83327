// Convolution: three pixels' taps are expanded to int16 side by side, then every pair of filters
// goes over them.
#include "firmware/nn/cores/armv7em/expand.hpp"
#include "firmware/nn/cores/armv7em/finish.hpp"
#include "firmware/nn/cores/armv7em/kernels.hpp"

namespace tinsmith::nn::armv7em {

namespace {

// Two filters at three pixels. For each four taps 1 load of weights (2 words), 2 of activations (3
// words each), 2 SXTB16 and 12 SMLAD: 24 MACs in 17 instructions, 18 with the loop: 1.33 a
// instruction, all 14 registers in use. The limit of the core is 2.
struct Sums {
    std::int32_t both[3], low[3];
};
inline const std::uint32_t* multiply(const std::uint32_t* weights, const std::uint32_t* taps,
                                     const std::uint32_t* end, const std::int32_t* pair,
                                     Sums& sums) {
    register std::int32_t s0 asm("r0");
    register std::int32_t s1 asm("r1");
    register std::int32_t s2 asm("r2");
    register std::int32_t l0 asm("r3");
    register std::int32_t l1 asm("r4");
    register std::int32_t l2 asm("r5");
    register const std::int32_t* begin asm("r7") = pair;
    register const std::uint32_t* w asm("r6") = weights;
    register const std::uint32_t* x asm("r8") = taps;
    register const std::uint32_t* last asm("lr") = end;
#define TINSMITH_FOUR_TAPS         \
    "ldmia r6!, {r7, r9}\n"        \
    "ldmia r8!, {r10, r11, r12}\n" \
    "smlad r0, r7, r10, r0\n"      \
    "smlad r1, r7, r11, r1\n"      \
    "smlad r2, r7, r12, r2\n"      \
    "sxtb16 r7, r7\n"              \
    "smlad r3, r7, r10, r3\n"      \
    "smlad r4, r7, r11, r4\n"      \
    "smlad r5, r7, r12, r5\n"      \
    "ldmia r8!, {r10, r11, r12}\n" \
    "smlad r0, r9, r10, r0\n"      \
    "smlad r1, r9, r11, r1\n"      \
    "smlad r2, r9, r12, r2\n"      \
    "sxtb16 r9, r9\n"              \
    "smlad r3, r9, r10, r3\n"      \
    "smlad r4, r9, r11, r4\n"      \
    "smlad r5, r9, r12, r5\n"
    // An odd number of fours starts in the middle of the loop: 24 bytes a four.
    asm volatile(
        "ldrd r0, r3, [r7]\n"
        "sub r7, lr, r8\n"
        "mov r1, r0\n"
        "mov r2, r0\n"
        "mov r4, r3\n"
        "mov r5, r3\n"
        "tst r7, #8\n"
        "bne 2f\n"
        "1:\n" TINSMITH_FOUR_TAPS "2:\n" TINSMITH_FOUR_TAPS
        "cmp r8, lr\n"
        "bne 1b\n"
        : "=r"(s0), "=r"(s1), "=r"(s2), "=r"(l0), "=r"(l1), "=r"(l2), "+r"(w), "+r"(x), "+r"(begin)
        : "r"(last)
        : "r9", "r10", "r11", "r12", "cc", "memory");
#undef TINSMITH_FOUR_TAPS
    sums = {{s0, s1, s2}, {l0, l1, l2}};
    return w;
}

// All filters at up to three pixels. Missing pixels are written to the place of the last one,
// before it. Around multiply() nothing stays in a register: what the loop keeps is counted in
// loads.
template <Finish kFinish>
void filters(const Conv2d& c, const std::uint32_t* taps, const std::uint32_t* end,
             std::int32_t pixels, std::int8_t* output) {
    const Requantisation& r = c.requantisation;
    const std::uint32_t* weights = c.weights;
    const std::int32_t* pair = r.pairs;
    const std::uint8_t* shifts = r.shifts;
    const std::int32_t rounding = 2 * r.offset + 1;
    const std::int32_t second = pixels > 1 ? c.outChannels : 0;
    const std::int32_t third = pixels > 2 ? second + c.outChannels : second;
    const std::int8_t* const last = output + c.outChannels - 2;
    for (;;) {
        Sums sums;
        weights = multiply(weights, taps, end, pair, sums);
        const Scale low = {pair[2], rounding << (shifts[0] - 1), shifts[0]};
        const Scale high = {pair[3], rounding << (shifts[1] - 1), shifts[1]};
        pair += 4;
        shifts += 2;
        const auto store = [&](std::int8_t* at, std::int32_t both, std::int32_t sum) {
            at[0] = static_cast<std::int8_t>(finish<kFinish>(sum * 2, low, r));
            // both - sum = 256 times the high filter's sum
            at[1] = static_cast<std::int8_t>(finish<kFinish>((both - sum) >> 7, high, r));
        };
        store(output + third, sums.both[2], sums.low[2]);
        store(output + second, sums.both[1], sums.low[1]);
        store(output, sums.both[0], sums.low[0]);
        output += 2;
        if (output <= last) continue;
        if (output > last + 1) return;
        --output;  // the last pair of an odd number
    }
}

// One pixel of the image for one of the output, in whole fours: nothing to look for.
template <Finish kFinish>
void pointwise(const Conv2d& c, const std::int8_t* input, std::int8_t* output,
               std::uint32_t* taps) {
    const std::int32_t fours = c.inChannels / 4;
    const std::uint32_t* end = taps + 6 * fours;
    std::int32_t left = c.outHeight * c.outWidth;
    for (; left >= 3; left -= 3, output += 3 * c.outChannels) {
        for (std::int32_t i = 0; i < 3; ++i, input += c.inChannels)
            expandTaps(input, fours, taps + i);
        filters<kFinish>(c, taps, end, 3, output);
    }
    for (std::int32_t i = 0; i < left; ++i, input += c.inChannels)
        expandTaps(input, fours, taps + i);
    if (left > 0) filters<kFinish>(c, taps, end, left, output);
}

template <Finish kFinish>
void conv2d(const Conv2d& c, const std::int8_t* input, std::int8_t* output, void* scratch) {
    auto* taps = static_cast<std::uint32_t*>(scratch);
    // As many pixels as before: the stride is 1, or there is but one pixel.
    const bool single = c.kernelHeight * c.kernelWidth == 1;
    if (single && c.inChannels % 4 == 0 && c.outHeight == c.inHeight && c.outWidth == c.inWidth)
        return pointwise<kFinish>(c, input, output, taps);
    const std::int32_t fours = (c.kernelHeight * c.kernelWidth * c.inChannels + 3) / 4;
    const std::uint32_t* end = taps + 6 * fours;
    std::int32_t waiting = 0;
    for (std::int32_t y = 0; y < c.outHeight; ++y) {
        for (std::int32_t x = 0; x < c.outWidth; ++x) {
            gatherTaps(c, input, y * c.strideHeight - c.padTop, x * c.strideWidth - c.padLeft,
                       taps + waiting, taps + 6 * fours);
            if (++waiting < 3) continue;
            filters<kFinish>(c, taps, end, 3, output);
            output += 3 * c.outChannels;
            waiting = 0;
        }
    }
    if (waiting > 0) filters<kFinish>(c, taps, end, waiting, output);
}

}  // namespace

void conv2dRelu(const Conv2d& c, const std::int8_t* input, std::int8_t* output, void* scratch) {
    conv2d<Finish::relu>(c, input, output, scratch);
}

void conv2dFull(const Conv2d& c, const std::int8_t* input, std::int8_t* output, void* scratch) {
    conv2d<Finish::full>(c, input, output, scratch);
}

void conv2dClamp(const Conv2d& c, const std::int8_t* input, std::int8_t* output, void* scratch) {
    conv2d<Finish::clamp>(c, input, output, scratch);
}

}  // namespace tinsmith::nn::armv7em
