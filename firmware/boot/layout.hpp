// Where things are in a device's flash. Offsets count from the start of the flash; images carry
// absolute addresses.
#pragma once

#include <cstdint>

namespace tinsmith::boot {

inline constexpr std::uint32_t kPageSize = 4096;         // smallest erase, NOR
inline constexpr std::uint32_t kFlashBase = 0x21000000;  // absolute address of offset 0
inline constexpr std::uint32_t kFlashSize = 0x01000000;
inline constexpr std::uint32_t kConfigOffset = 0;      // one page, written at the factory
inline constexpr std::uint32_t kStateOffset = 0x1000;  // two pages
inline constexpr std::uint32_t kSlotSize = 0x100000;   // with the trailer page at its end
inline constexpr std::uint32_t kScratchOffset =
    0x400000;  // preflight exchanges windows and outputs here
inline constexpr std::uint32_t kTrailerSize = kPageSize;
inline constexpr std::uint32_t kMaxImageSize = kSlotSize - kTrailerSize;

[[nodiscard]] constexpr std::uint32_t slotOffset(std::uint8_t slot) {
    return slot == 0 ? 0x10000u : 0x110000u;
}
[[nodiscard]] constexpr std::uint32_t slotAddress(std::uint8_t slot) {
    return kFlashBase + slotOffset(slot);
}

}  // namespace tinsmith::boot
