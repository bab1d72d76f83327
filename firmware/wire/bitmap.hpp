// Bit n of a bitmap: byte n / 8, least significant bit first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tinsmith::wire {

// Bits beyond the end read as clear and are not written.
[[nodiscard]] inline bool testBit(std::span<const std::uint8_t> bitmap, std::size_t n) {
    return n / 8 < bitmap.size() && (bitmap[n / 8] >> (n % 8) & 1) != 0;
}

inline void setBit(std::span<std::uint8_t> bitmap, std::size_t n) {
    if (n / 8 < bitmap.size())
        bitmap[n / 8] = static_cast<std::uint8_t>(bitmap[n / 8] | 1u << (n % 8));
}

[[nodiscard]] inline std::size_t countBits(std::span<const std::uint8_t> bitmap) {
    std::size_t bits = 0;
    for (std::uint8_t byte : bitmap) {
        for (; byte != 0; byte = static_cast<std::uint8_t>(byte & (byte - 1))) ++bits;
    }
    return bits;
}

}  // namespace tinsmith::wire
