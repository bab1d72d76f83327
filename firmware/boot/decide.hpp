// Which image to boot. Runs once a boot, before anything else; leaves the decision and its reasons
// in the state log.
//
// - An image on trial boots up to kTrialBoots times; then, or when it no longer verifies, or when
// it gave up itself
//   (trialSlot cleared by the agent), the active one boots again.
// - The active image boots unless it does not verify or kUnhealthyBoots boots went by without a
// healthy minute and the
//   other slot verifies; then the other one becomes active.
// - With nothing else left, any image that verifies boots.
#pragma once

#include <cstdint>
#include <string_view>

#include "firmware/boot/flash.hpp"
#include "firmware/boot/rom.hpp"

namespace tinsmith::boot {

inline constexpr std::uint8_t kTrialBoots = 3;
inline constexpr std::uint8_t kUnhealthyBoots = 5;

struct Decision {
    bool found = false;  // false: no slot holds an image that may run
    std::uint8_t slot = 0;
    bool trial = false;
    std::uint32_t vectors = 0;  // absolute address of the image's vector table
};

[[nodiscard]] Decision decide(Flash& flash, const RomInfo& rom, std::string_view board);

}  // namespace tinsmith::boot
