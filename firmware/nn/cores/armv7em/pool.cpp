// Pools over small windows: a place's window is found once, then four channels at a time go over
// its taps. For each tap of four channels 1 load and 2 instructions (two SXTAB16, or SSUB8 and
// SEL), 6 with the loop: 1.5 a value, where the core's limit is the load and one of them each two
// or four values. Per four outputs 8 more for a maximum; an average divides four times (SDIV).
#include <arm_acle.h>

#include <cstring>

#include "firmware/nn/cores/armv7em/kernels.hpp"
#include "firmware/nn/kernels/taps.hpp"

namespace tinsmith::nn::armv7em {

namespace {

inline std::uint32_t fourTimes(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) & 0xffU) * 0x01010101U;
}

inline std::uint32_t twice(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) & 0xffffU) * 0x10001U;
}

// Byte by byte; SSUB8 notes for SEL where the difference is not negative.
inline std::uint32_t larger(std::uint32_t a, std::uint32_t b) {
    __ssub8(static_cast<std::int32_t>(a), static_cast<std::int32_t>(b));
    return __sel(a, b);
}
inline std::uint32_t smaller(std::uint32_t a, std::uint32_t b) {
    __ssub8(static_cast<std::int32_t>(a), static_cast<std::int32_t>(b));
    return __sel(b, a);
}

// What a place of the output divides by.
struct Count {
    explicit Count(std::int32_t inside)
        : taps(inside), half(twice(inside / 2)), less(twice(-(inside / 2))) {}

    std::int32_t taps;
    std::uint32_t half, less;  // half of it and its negative, for two sums
};

class AverageOf {
  public:
    void take(std::uint32_t four) {
        asm("sxtab16 %0, %0, %1" : "+r"(even_) : "r"(four));
        asm("sxtab16 %0, %0, %1, ror #8" : "+r"(odd_) : "r"(four));
    }
    // Rounded to nearest, halves away from zero.
    std::uint32_t result(const Count& count) const {
        const std::uint32_t even = rounded(even_, count);
        const std::uint32_t odd = rounded(odd_, count);
        return byte(low(even) / count.taps) | byte(low(odd) / count.taps) << 8 |
               byte(high(even) / count.taps) << 16 | byte(high(odd) / count.taps) << 24;
    }

  private:
    // The half with the sign of the sum, for the division that cuts off.
    static std::uint32_t rounded(std::uint32_t sums, const Count& count) {
        __ssub16(static_cast<std::int32_t>(sums), 0);
        const std::uint32_t half = __sel(count.half, count.less);
        return static_cast<std::uint32_t>(
            __sadd16(static_cast<std::int32_t>(sums), static_cast<std::int32_t>(half)));
    }
    static std::int32_t low(std::uint32_t two) { return static_cast<std::int16_t>(two); }
    static std::int32_t high(std::uint32_t two) { return static_cast<std::int32_t>(two) >> 16; }
    static std::uint32_t byte(std::int32_t value) { return static_cast<std::uint8_t>(value); }

    std::uint32_t even_ = 0;  // sums of the values 0 and 2 of four
    std::uint32_t odd_ = 0;   // of 1 and 3
};

class MaximumOf {
  public:
    void take(std::uint32_t four) { most_ = larger(four, most_); }
    std::uint32_t result(const Count&) const { return most_; }

  private:
    std::uint32_t most_ = 0x80808080U;
};

template <class Reduction>
void pool(const Pool& p, const std::int8_t* input, std::int8_t* output) {
    const std::int32_t channels = p.channels;
    const std::int32_t line = p.inWidth * channels;
    const std::uint32_t minimum = fourTimes(p.minimum);
    const std::uint32_t maximum = fourTimes(p.maximum);
    for (std::int32_t y = 0; y < p.outHeight; ++y) {
        const std::int32_t top = y * p.strideHeight - p.padTop;
        const Taps rows = insideTaps(top, p.kernelHeight, 1, p.inHeight);
        const std::int32_t height = rows.last - rows.first;
        for (std::int32_t x = 0; x < p.outWidth; ++x) {
            const std::int32_t left = x * p.strideWidth - p.padLeft;
            const Taps columns = insideTaps(left, p.kernelWidth, 1, p.inWidth);
            const std::int32_t width = columns.last - columns.first;
            const Count count(height * width);
            const std::int8_t* from =
                input + (top + rows.first) * line + (left + columns.first) * channels;
            for (const std::int8_t* const end = from + channels; from != end; from += 4) {
                Reduction reduction;
                const std::int8_t* row = from;
                for (std::int32_t i = height; i > 0; --i, row += line) {
                    const std::int8_t* tap = row;
                    for (std::int32_t j = width; j > 0; --j, tap += channels) {
                        std::uint32_t four;
                        std::memcpy(&four, tap, 4);
                        reduction.take(four);
                    }
                }
                const std::uint32_t four =
                    smaller(larger(reduction.result(count), minimum), maximum);
                std::memcpy(output, &four, 4);
                output += 4;
            }
        }
    }
}

}  // namespace

void averagePool(const Pool& p, const std::int8_t* input, std::int8_t* output) {
    pool<AverageOf>(p, input, output);
}

void maxPool(const Pool& p, const std::int8_t* input, std::int8_t* output) {
    pool<MaximumOf>(p, input, output);
}

}  // namespace tinsmith::nn::armv7em
