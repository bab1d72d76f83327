// Random numbers for TCP ports and sequence numbers and for the boot nonce. The board has no
// generator, so this one (xoshiro128++, Blackman and Vigna 2021) is seeded at every boot from
// device id, boot counter and the clock; it is unpredictable enough to tell two boots apart, which
// is all that it is used for.
#pragma once

#include <cstdint>
#include <span>

namespace tinsmith::board {

void seedRandom(std::span<const std::uint8_t> entropy);
std::uint32_t random();

}  // namespace tinsmith::board
