// Dense layers: four filters at a time over the input, whose bytes are expanded on the way.
#include "firmware/nn/cores/armv7em/finish.hpp"
#include "firmware/nn/cores/armv7em/kernels.hpp"

namespace tinsmith::nn::armv7em {

namespace {

// For each four inputs 1 load of weights (4 words), 1 of activations, 2 + 4 SXTB16 and 8 SMLAD: 16
// MACs in 16 instructions, 17 with the loop. Weights are used once, so that expanding them costs
// half as much as multiplying: 1.33 MACs an instruction would be the limit of this scheme.
struct Sums {
    std::int32_t both[2], low[2];
};
inline const std::uint32_t* multiply(const std::uint32_t* weights, const std::int8_t* input,
                                     std::int32_t fours, const std::int32_t* pairs, Sums& sums) {
    register std::int32_t s0 asm("r0") = pairs[0];
    register std::int32_t l0 asm("r1") = pairs[1];
    register std::int32_t s1 asm("r2") = pairs[4];
    register std::int32_t l1 asm("r3") = pairs[5];
    register const std::uint32_t* w asm("r4") = weights;
    register const std::int8_t* x asm("r5") = input;
    register const std::int8_t* last asm("r6") = input + 4 * fours;
#define TINSMITH_FOUR_INPUTS           \
    "ldr r9, [r5], #4\n"               \
    "ldmia r4!, {r10, r11, r12, lr}\n" \
    "sxtb16 r8, r9\n"                  \
    "sxtb16 r9, r9, ror #8\n"          \
    "smlad r0, r10, r8, r0\n"          \
    "smlad r2, r12, r8, r2\n"          \
    "sxtb16 r10, r10\n"                \
    "sxtb16 r12, r12\n"                \
    "smlad r0, r11, r9, r0\n"          \
    "smlad r2, lr, r9, r2\n"           \
    "smlad r1, r10, r8, r1\n"          \
    "smlad r3, r12, r8, r3\n"          \
    "sxtb16 r11, r11\n"                \
    "sxtb16 lr, lr\n"                  \
    "smlad r1, r11, r9, r1\n"          \
    "smlad r3, lr, r9, r3\n"
    asm volatile(
        "sub r9, r6, r5\n"
        "tst r9, #4\n"
        "bne 2f\n"
        "1:\n" TINSMITH_FOUR_INPUTS "2:\n" TINSMITH_FOUR_INPUTS
        "cmp r5, r6\n"
        "bne 1b\n"
        : "+r"(s0), "+r"(l0), "+r"(s1), "+r"(l1), "+r"(w), "+r"(x)
        : "r"(last)
        : "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
#undef TINSMITH_FOUR_INPUTS
    sums = {{s0, s1}, {l0, l1}};
    return w;
}

template <Finish kFinish>
void dense(const Dense& d, const std::int8_t* input, std::int8_t* output) {
    const Requantisation& r = d.requantisation;
    const std::int32_t fours = (d.inputs + 3) / 4;
    for (std::int32_t row = 0; row < d.rows; ++row, input += d.inputs, output += d.outputs) {
        const std::uint32_t* weights = d.weights;
        const std::int32_t* pair = r.pairs;
        const std::uint8_t* shifts = r.shifts;
        for (std::int32_t filter = 0; filter < d.outputs; filter += 4) {
            Sums sums;
            weights = multiply(weights, input, fours, pair, sums);
            std::int8_t* to = output + (filter + 4 <= d.outputs ? filter : d.outputs - 4);
            for (int i = 0; i < 2; ++i, pair += 4, shifts += 2, to += 2) {
                const Scale low = {pair[2], roundingOf(r.offset, shifts[0]), shifts[0]};
                const Scale high = {pair[3], roundingOf(r.offset, shifts[1]), shifts[1]};
                const std::int32_t both = sums.both[i] - sums.low[i];
                to[0] = static_cast<std::int8_t>(finish<kFinish>(sums.low[i] * 2, low, r));
                to[1] = static_cast<std::int8_t>(finish<kFinish>(both >> 7, high, r));
            }
        }
    }
}

}  // namespace

void denseRelu(const Dense& d, const std::int8_t* input, std::int8_t* output) {
    dense<Finish::relu>(d, input, output);
}

void denseFull(const Dense& d, const std::int8_t* input, std::int8_t* output) {
    dense<Finish::full>(d, input, output);
}

void denseClamp(const Dense& d, const std::int8_t* input, std::int8_t* output) {
    dense<Finish::clamp>(d, input, output);
}

}  // namespace tinsmith::nn::armv7em
