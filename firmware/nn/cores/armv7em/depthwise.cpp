// Depthwise convolution, one channel at a time: the channel is picked out of the image into a plane
// of int16 with its padding around it, where a row of taps lies side by side; row by row the sums
// are made, then finished.
#include <arm_acle.h>

#include <bit>
#include <cstring>

#include "firmware/nn/cores/armv7em/finish.hpp"
#include "firmware/nn/cores/armv7em/kernels.hpp"

namespace tinsmith::nn::armv7em {

namespace {

enum class Shape { three, threeHalf, any };

inline std::uint32_t loadTwo(const std::int16_t* from) {
    std::uint32_t two;
    std::memcpy(&two, from, 4);
    return two;
}

inline std::uint32_t two(std::int32_t low, std::int32_t high) {
    return (static_cast<std::uint32_t>(low) & 0xffffu) | static_cast<std::uint32_t>(high) << 16;
}

// Two neighbouring outputs a step, stride 1: for each of three rows one load of four values and
// four multiplications. 18 MACs in 15 instructions, 19 with store and loop; all registers in use.
void sumRowOfThree(const std::int16_t* plane, std::int32_t pitch, const std::uint32_t* words,
                   std::int32_t* sums, std::int32_t steps) {
    register std::uint32_t w0 asm("r0") = words[0];
    register std::uint32_t w1 asm("r1") = words[1];
    register std::uint32_t w2 asm("r2") = words[2];
    register std::uint32_t w3 asm("r3") = words[3];
    register std::uint32_t w4 asm("r4") = words[4];
    register std::uint32_t w5 asm("r5") = words[5];
    register const std::int16_t* p0 asm("r6") = plane;
    register const std::int16_t* p1 asm("r7") = plane + pitch;
    register const std::int16_t* p2 asm("r8") = plane + 2 * pitch;
    register std::int32_t* to asm("r9") = sums;
    // No general register is left for it.
    const float end = std::bit_cast<float>(sums + 2 * steps);
    asm volatile(
        "1:\n"
        "ldrd r12, lr, [r6], #4\n"
        "smuad r10, r0, r12\n"
        "smulbt r11, r0, r12\n"
        "smlatb r10, r1, lr, r10\n"
        "smlad r11, r1, lr, r11\n"
        "ldrd r12, lr, [r7], #4\n"
        "smlad r10, r2, r12, r10\n"
        "smlabt r11, r2, r12, r11\n"
        "smlatb r10, r3, lr, r10\n"
        "smlad r11, r3, lr, r11\n"
        "ldrd r12, lr, [r8], #4\n"
        "smlad r10, r4, r12, r10\n"
        "smlabt r11, r4, r12, r11\n"
        "smlatb r10, r5, lr, r10\n"
        "smlad r11, r5, lr, r11\n"
        "strd r10, r11, [r9], #8\n"
        "vmov r12, %[end]\n"
        "cmp r9, r12\n"
        "bne 1b\n"
        : "+r"(p0), "+r"(p1), "+r"(p2), "+r"(to)
        : "r"(w0), "r"(w1), "r"(w2), "r"(w3), "r"(w4), "r"(w5), [end] "t"(end)
        : "r10", "r11", "r12", "lr", "cc", "memory");
}

// The same with stride 2: five values a row make two outputs. 18 MACs in 18 instructions, 22 with
// store and loop.
void sumHalfRowOfThree(const std::int16_t* plane, std::int32_t pitch, const std::uint32_t* words,
                       std::int32_t* sums, std::int32_t steps) {
    register std::uint32_t w0 asm("r0") = words[0];
    register std::uint32_t w1 asm("r1") = words[1];
    register std::uint32_t w2 asm("r2") = words[2];
    register std::uint32_t w3 asm("r3") = words[3];
    register std::uint32_t w4 asm("r4") = words[4];
    register const std::int16_t* p0 asm("r5") = plane;
    register const std::int16_t* p1 asm("r6") = plane + pitch;
    register const std::int16_t* p2 asm("r7") = plane + 2 * pitch;
    register std::int32_t* to asm("r8") = sums;
    // No general register is left for it.
    const float end = std::bit_cast<float>(sums + 2 * steps);
    asm volatile(
        "1:\n"
        "ldrd r11, r12, [r5], #8\n"
        "ldr lr, [r5]\n"
        "smuad r9, r0, r11\n"
        "smuad r10, r0, r12\n"
        "smlabb r9, r3, r12, r9\n"
        "smlabb r10, r3, lr, r10\n"
        "ldrd r11, r12, [r6], #8\n"
        "ldr lr, [r6]\n"
        "smlad r9, r1, r11, r9\n"
        "smlad r10, r1, r12, r10\n"
        "smlatb r9, r3, r12, r9\n"
        "smlatb r10, r3, lr, r10\n"
        "ldrd r11, r12, [r7], #8\n"
        "ldr lr, [r7]\n"
        "smlad r9, r2, r11, r9\n"
        "smlad r10, r2, r12, r10\n"
        "smlabb r9, r4, r12, r9\n"
        "smlabb r10, r4, lr, r10\n"
        "strd r9, r10, [r8], #8\n"
        "vmov r12, %[end]\n"
        "cmp r8, r12\n"
        "bne 1b\n"
        : "+r"(p0), "+r"(p1), "+r"(p2), "+r"(to)
        : "r"(w0), "r"(w1), "r"(w2), "r"(w3), "r"(w4), [end] "t"(end)
        : "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

// Any kernel: two taps of a row at a time, 2 loads and a multiplication.
void sumRowOfAny(const Depthwise& d, const std::int16_t* plane, const std::uint32_t* taps,
                 std::int32_t* sums) {
    const std::int32_t pairs = (d.kernelInner + 1) / 2;
    for (std::int32_t i = 0; i < d.outInner; ++i, plane += d.strideInner) {
        const std::int16_t* row = plane;
        const std::uint32_t* tap = taps;
        std::int32_t sum = 0;
        for (std::int32_t ky = 0; ky < d.kernelRows; ++ky, row += d.pitch) {
            for (std::int32_t k = 0; k < pairs; ++k) {
                sum = __smlad(static_cast<std::int32_t>(*tap++),
                              static_cast<std::int32_t>(loadTwo(row + 2 * k)), sum);
            }
        }
        *sums++ = sum;
    }
}

void widen(const Depthwise& d, const std::int8_t* weights, std::uint32_t* taps) {
    for (std::int32_t ky = 0; ky < d.kernelRows; ++ky, weights += d.kernelInner) {
        for (std::int32_t k = 0; k < d.kernelInner; k += 2) {
            *taps++ = two(weights[k], k + 1 < d.kernelInner ? weights[k + 1] : 0);
        }
    }
}

// The weights of a 3x3 filter as its kernel multiplies them.
struct Nine {
    std::uint32_t words[6];
};

template <Shape kShape>
Nine nineOf(const std::int8_t* v) {
    if constexpr (kShape == Shape::three)
        return {{two(v[0], v[1]), two(v[1], v[2]), two(v[3], v[4]), two(v[4], v[5]),
                 two(v[6], v[7]), two(v[7], v[8])}};
    return {{two(v[0], v[1]), two(v[3], v[4]), two(v[6], v[7]), two(v[2], v[5]), two(v[8], 0), 0}};
}

void fillPlane(const Depthwise& d, std::int16_t* plane) {
    auto* word = reinterpret_cast<std::uint32_t*>(plane);
    const std::uint32_t padding = two(d.padding, d.padding);
    for (std::int32_t i = d.planeRows * d.pitch / 2; i > 0; --i) *word++ = padding;
}

// The inside of the plane from one channel of the image; 2.5 instructions a value.
void pickChannel(const Depthwise& d, const std::int8_t* image, std::int16_t* plane) {
    const std::int32_t step = d.inInnerStep;
    plane += d.rowsBefore * d.pitch + d.innerBefore;
    for (std::int32_t row = 0; row < d.inRows; ++row, plane += d.pitch, image += d.inRowStep) {
        const std::int8_t* from = image;
        std::int16_t* to = plane;
        std::int32_t left = d.inInner;
        for (; left >= 4; left -= 4, to += 4) {
            to[0] = from[0];
            to[1] = from[step];
            to[2] = from[2 * step];
            to[3] = from[3 * step];
            from += 4 * step;
        }
        for (; left > 0; --left, from += step) *to++ = *from;
    }
}

template <Finish kFinish>
inline void finishRow(const Depthwise& d, const std::int32_t* sums, std::int32_t doubledBias,
                      const Scale& scale, std::int8_t* output) {
    const std::int32_t step = d.outInnerStep;
    const auto put = [&](std::int32_t sum) {
        *output = static_cast<std::int8_t>(finish<kFinish>(doubledBias + sum * 2, scale, d));
        output += step;
    };
    std::int32_t left = d.outInner;
    for (; left >= 4; left -= 4, sums += 4) {
        put(sums[0]);
        put(sums[1]);
        put(sums[2]);
        put(sums[3]);
    }
    for (; left > 0; --left) put(*sums++);
}

template <Shape kShape, Finish kFinish>
void depthwise(const Depthwise& d, const std::int8_t* input, std::int8_t* output, void* scratch) {
    auto* plane = static_cast<std::int16_t*>(scratch);
    auto* sums = reinterpret_cast<std::int32_t*>(plane + d.planeRows * d.pitch);
    auto* taps = reinterpret_cast<std::uint32_t*>(sums + (d.outInner + 1) / 2 * 2);
    fillPlane(d, plane);
    const std::int32_t each = d.filters / d.channels;
    const std::int8_t* weights = d.weights;
    const std::int32_t* scales = d.scales;
    const std::uint8_t* shift = d.shifts;
    for (std::int32_t channel = 0; channel < d.channels; ++channel) {
        pickChannel(d, input + channel, plane);
        for (std::int32_t filter = 0; filter < each; ++filter, scales += 2, ++shift, ++output) {
            const Scale scale = {scales[1], roundingOf(d.offset, *shift), *shift};
            Nine nine;
            if constexpr (kShape == Shape::any)
                widen(d, weights, taps);
            else
                nine = nineOf<kShape>(weights);
            std::int8_t* to = output;
            const std::int16_t* from = plane;
            for (std::int32_t row = 0; row < d.outRows; ++row) {
                if constexpr (kShape == Shape::three)
                    sumRowOfThree(from, d.pitch, nine.words, sums, (d.outInner + 1) / 2);
                else if constexpr (kShape == Shape::threeHalf)
                    sumHalfRowOfThree(from, d.pitch, nine.words, sums, (d.outInner + 1) / 2);
                else
                    sumRowOfAny(d, from, taps, sums);
                finishRow<kFinish>(d, sums, scales[0] * 2, scale, to);
                from += d.strideRows * d.pitch;
                to += d.outRowStep;
            }
            weights += d.kernelRows * d.kernelInner;
        }
    }
}

}  // namespace

void depthwise3x3Relu(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                      void* scratch) {
    depthwise<Shape::three, Finish::relu>(d, input, output, scratch);
}

void depthwise3x3Full(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                      void* scratch) {
    depthwise<Shape::three, Finish::full>(d, input, output, scratch);
}

void depthwise3x3Clamp(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                       void* scratch) {
    depthwise<Shape::three, Finish::clamp>(d, input, output, scratch);
}

void depthwise3x3HalfRelu(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                          void* scratch) {
    depthwise<Shape::threeHalf, Finish::relu>(d, input, output, scratch);
}

void depthwise3x3HalfFull(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                          void* scratch) {
    depthwise<Shape::threeHalf, Finish::full>(d, input, output, scratch);
}

void depthwise3x3HalfClamp(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                           void* scratch) {
    depthwise<Shape::threeHalf, Finish::clamp>(d, input, output, scratch);
}

void depthwiseAnyRelu(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                      void* scratch) {
    depthwise<Shape::any, Finish::relu>(d, input, output, scratch);
}

void depthwiseAnyFull(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                      void* scratch) {
    depthwise<Shape::any, Finish::full>(d, input, output, scratch);
}

void depthwiseAnyClamp(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                       void* scratch) {
    depthwise<Shape::any, Finish::clamp>(d, input, output, scratch);
}

}  // namespace tinsmith::nn::armv7em
