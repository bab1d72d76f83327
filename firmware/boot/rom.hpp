// What the boot ROM knows: the board that it is on and the keys, in a fixed block that the
// application reads too and that the gateway patches into a copy of boot.elf.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tinsmith::boot {

inline constexpr std::string_view kRomMarker = "TINSMITH-BOOTKEY";
inline constexpr std::uintptr_t kRomInfoAddress =
    0x00000400;  // the linker script of a board's boot loader puts it there

struct RomInfo {
    std::array<char, 16> marker;                       // kRomMarker without a NUL
    std::array<std::array<std::uint8_t, 32>, 2> keys;  // Ed25519 public keys; all zero = no key
    std::array<char, 32> board;                        // its name, padded with NULs
};
static_assert(sizeof(RomInfo) == 112);

// Only on the microcontroller.
inline const RomInfo& romInfo() {
    return *reinterpret_cast<const RomInfo*>(kRomInfoAddress);
}

}  // namespace tinsmith::boot
