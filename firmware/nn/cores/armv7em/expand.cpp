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

// Of four taps 5 instructions, and half a loop's 3.
inline std::uint32_t* expand(std::uint32_t* to, const std::int8_t* from, std::int32_t fours) {
    const auto one = [&](std::int32_t i) {
        std::uint32_t four;
        std::memcpy(&four, from + 4 * i, 4);
        to[2 * kStep * i] = static_cast<std::uint32_t>(__sxtb16(four));
        to[2 * kStep * i + kStep] = oddBytes(four);
    };
    for (; fours >= 2; fours -= 2, from += 8, to += 4 * kStep) {
        one(0);
        one(1);
    }
    if (fours > 0) {
        one(0);
        to += 2 * kStep;
    }
    return to;
}

inline std::uint32_t* fill(std::uint32_t* to, std::int32_t padding, std::int32_t fours) {
    const std::uint32_t two = (static_cast<std::uint32_t>(padding) & 0xffffU) * 0x10001U;
    for (; fours > 0; --fours, to += 2 * kStep) {
        to[0] = two;
        to[kStep] = two;
    }
    return to;
}

// Rows of the window: their whole fours go to the taps at once, what is left of each is collected
// and comes last.
class Rows {
  public:
    Rows(std::uint32_t* taps, std::int8_t* rest) : taps_(taps), restBegin_(rest), rest_(rest) {}

    void add(const std::int8_t* from, std::int32_t values) {
        taps_ = expand(taps_, from, values / 4);
        from += values - values % 4;
        for (std::int32_t i = values % 4; i > 0; --i) *rest_++ = *from++;
    }
    // What lies behind the last tap meets weights of zero.
    void end() { expand(taps_, restBegin_, static_cast<std::int32_t>(rest_ - restBegin_ + 3) / 4); }

  private:
    std::uint32_t* taps_;
    std::int8_t* restBegin_;
    std::int8_t* rest_;
};

// How many columns of a window lie left of the image and inside it.
struct Columns {
    std::int32_t before, inside;
};

inline Columns columnsOf(const Conv2d& c, std::int32_t left) {
    const std::int32_t before = left < 0 ? (-left < c.kernelWidth ? -left : c.kernelWidth) : 0;
    const std::int32_t end = c.inWidth - left < c.kernelWidth ? c.inWidth - left : c.kernelWidth;
    return {before, end > before ? end - before : 0};
}

inline bool isInside(std::int32_t row, std::int32_t height) {
    return static_cast<std::uint32_t>(row) < static_cast<std::uint32_t>(height);
}

// At the edge, where 4 divides the channels: padding and image in whole fours. Edges are few: small
// code counts for more.
[[gnu::cold, gnu::noinline]] void gatherEdge(const Conv2d& c, const std::int8_t* image,
                                             std::int32_t top, std::int32_t left,
                                             std::uint32_t* taps) {
    const Columns columns = columnsOf(c, left);
    const std::int32_t fours = c.inChannels / 4;
    const std::int32_t after = c.kernelWidth - columns.before - columns.inside;
    const std::int8_t* from = image + (top * c.inWidth + left + columns.before) * c.inChannels;
    for (std::int32_t ky = 0; ky < c.kernelHeight; ++ky, from += c.inWidth * c.inChannels) {
        if (!isInside(top + ky, c.inHeight)) {
            taps = fill(taps, c.padding, c.kernelWidth * fours);
            continue;
        }
        taps = fill(taps, c.padding, columns.before * fours);
        taps = expand(taps, from, columns.inside * fours);
        taps = fill(taps, c.padding, after * fours);
    }
}

// At the edge, else: each row is put together as bytes.
[[gnu::cold, gnu::noinline]] void gatherOddEdge(const Conv2d& c, const std::int8_t* image,
                                                std::int32_t top, std::int32_t left, Rows& rows,
                                                std::int8_t* row) {
    const Columns columns = columnsOf(c, left);
    const std::int32_t values = c.kernelWidth * c.inChannels;
    const std::int8_t* from = image + (top * c.inWidth + left + columns.before) * c.inChannels;
    for (std::int32_t ky = 0; ky < c.kernelHeight; ++ky, from += c.inWidth * c.inChannels) {
        for (std::int32_t i = 0; i < values; ++i) row[i] = static_cast<std::int8_t>(c.padding);
        if (isInside(top + ky, c.inHeight)) {
            std::int8_t* to = row + columns.before * c.inChannels;
            for (std::int32_t i = 0; i < columns.inside * c.inChannels; ++i) to[i] = from[i];
        }
        rows.add(row, values);
    }
}

}  // namespace

void expandTaps(const std::int8_t* from, std::int32_t fours, std::uint32_t* taps) {
    expand(taps, from, fours);
}

void gatherTaps(const Conv2d& c, const std::int8_t* image, std::int32_t top, std::int32_t left,
                std::uint32_t* taps, void* bytes) {
    const std::int32_t line = c.inWidth * c.inChannels;
    const std::int32_t values = c.kernelWidth * c.inChannels;
    const bool inside = top >= 0 && left >= 0 && top + c.kernelHeight <= c.inHeight &&
                        left + c.kernelWidth <= c.inWidth;
    const std::int8_t* from = image + top * line + left * c.inChannels;
    if (inside && values % 4 == 0) {
        for (std::int32_t ky = c.kernelHeight; ky > 0; --ky, from += line)
            taps = expand(taps, from, values / 4);
        return;
    }
    if (c.inChannels % 4 == 0) return gatherEdge(c, image, top, left, taps);
    auto* rest = static_cast<std::int8_t*>(bytes);
    Rows rows(taps, rest);
    if (inside) {
        for (std::int32_t ky = c.kernelHeight; ky > 0; --ky, from += line) rows.add(from, values);
    } else {
        gatherOddEdge(c, image, top, left, rows,
                      rest + (c.kernelHeight * (values % 4) + 3) / 4 * 4);
    }
    rows.end();
}

}  // namespace tinsmith::nn::armv7em
