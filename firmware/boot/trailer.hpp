// The last page of a slot. Bits are only ever cleared, until the page is erased for the next
// download.
#pragma once

#include <cstdint>

#include "firmware/boot/flash.hpp"
#include "firmware/boot/layout.hpp"

namespace tinsmith::boot {

// The confirmed mark tells the boot loader which image to prefer should the state log ever be lost.
[[nodiscard]] bool isConfirmed(const Flash& flash, std::uint8_t slot);
[[nodiscard]] bool markConfirmed(Flash& flash, std::uint8_t slot);

// Blocks of the pending download that are in flash already; survives power cuts.
[[nodiscard]] bool blockReceived(const Flash& flash, std::uint8_t slot, std::uint32_t block);
[[nodiscard]] bool markBlockReceived(Flash& flash, std::uint8_t slot, std::uint32_t block);

[[nodiscard]] constexpr std::uint32_t trailerOffset(std::uint8_t slot) {
    return slotOffset(slot) + kSlotSize - kTrailerSize;
}

}  // namespace tinsmith::boot
