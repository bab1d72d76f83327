// CRC-32 as in IEEE 802.3 (reflected polynomial 0xEDB88320), bit by bit: small, and only for pages
// of a few hundred bytes.
#pragma once

#include <cstdint>
#include <span>

namespace tinsmith::app {

[[nodiscard]] inline std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

}  // namespace tinsmith::app
