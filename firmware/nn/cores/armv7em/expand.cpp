#include "firmware/nn/cores/armv7em/expand.hpp"

#include <arm_acle.h>

#include <cstring>

namespace tinsmith::nn::armv7em {

namespace {

constexpr std::int32_t kStep = 3;  // words from one pair of taps to the next: three pixels

// Values 1 and 3 of four bytes; 0 and 2 are __sxtb16().
inline std::uint32_t oddBytes(std::uint32_t four) {
    std::uint32_t result;
    asm("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(four));
    return result;
}

// 5 instructions for four taps, and the loop.
inline std::uint32_t* expand(std::uint32_t* to, const std::int8_t* from, std::int32_t fours) {
    for (; fours > 0; --fours, from += 4, to += 2 * kStep) {
        std::uint32_t four;
        std::memcpy(&four, from, 4);
        to[0] = static_cast<std::uint32_t>(__sxtb16(four));
        to[kStep] = oddBytes(four);
    }
    return to;
}

inline std::uint32_t* fill(std::uint32_t* to, std::int32_t padding, std::int32_t fours) {
    const std::uint32_t two = (static_cast<std::uint32_t>(padding) & 0xffffu) * 0x10001u;
    for (; fours > 0; --fours, to += 2 * kStep) {
        to[0] = two;
        to[kStep] = two;
    }
    return to;
}

inline std::int8_t* copy(std::int8_t* to, const std::int8_t* from, std::int32_t count) {
    for (; count >= 4; count -= 4, to += 4, from += 4) std::memcpy(to, from, 4);
    for (; count > 0; --count) *to++ = *from++;
    return to;
}

inline std::int8_t* fill(std::int8_t* to, std::int32_t padding, std::int32_t count) {
    for (; count > 0; --count) *to++ = static_cast<std::int8_t>(padding);
    return to;
}

// Calls outside(values) and inside(from, values) for the runs of the window in order.
template <class Inside, class Outside>
inline void forRuns(const Conv2d& c, const std::int8_t* image, std::int32_t top, std::int32_t left,
                    const Inside& inside, const Outside& outside) {
    const std::int32_t line = c.inWidth * c.inChannels;
    const std::int32_t before = left < 0 ? (-left < c.kernelWidth ? -left : c.kernelWidth) : 0;
    const std::int32_t end = c.inWidth - left < c.kernelWidth ? c.inWidth - left : c.kernelWidth;
    const std::int32_t width = end > before ? end - before : 0;
    const std::int32_t after = c.kernelWidth - before - width;
    const std::int8_t* from = image + top * line + (left + before) * c.inChannels;
    for (std::int32_t ky = 0; ky < c.kernelHeight; ++ky, from += line) {
        if (static_cast<std::uint32_t>(top + ky) >= static_cast<std::uint32_t>(c.inHeight)) {
            outside(c.kernelWidth * c.inChannels);
            continue;
        }
        if (before > 0) outside(before * c.inChannels);
        inside(from, width * c.inChannels);
        if (after > 0) outside(after * c.inChannels);
    }
}

}  // namespace

void gatherTaps(const Conv2d& c, const std::int8_t* image, std::int32_t top, std::int32_t left,
                std::uint32_t* taps, void* bytes) {
    if (c.inChannels % 4 == 0) {
        forRuns(
            c, image, top, left,
            [&](const std::int8_t* from, std::int32_t n) { taps = expand(taps, from, n / 4); },
            [&](std::int32_t n) { taps = fill(taps, c.padding, n / 4); });
        return;
    }
    auto* to = static_cast<std::int8_t*>(bytes);
    forRuns(
        c, image, top, left,
        [&](const std::int8_t* from, std::int32_t n) { to = copy(to, from, n); },
        [&](std::int32_t n) { to = fill(to, c.padding, n); });
    // What lies behind the last tap meets weights of zero.
    expand(taps, static_cast<const std::int8_t*>(bytes),
           (c.kernelHeight * c.kernelWidth * c.inChannels + 3) / 4);
}

}  // namespace tinsmith::nn::armv7em
