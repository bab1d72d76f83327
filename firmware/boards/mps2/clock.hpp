// Time: a 25 MHz counter (40 ns a tick) from CMSDK timer 0, extended to 64 bits.
#pragma once

#include <cstdint>

namespace tinsmith::board {

void startClock();

// Ticks since startClock(). Call it at least every 171 s (the hardware counter's wrap); the main
// loop does.
std::uint64_t ticks();

// Milliseconds since startClock().
std::uint64_t milliseconds();

// Sleeps until an interrupt comes or `ms` have passed (at most 500), unless `pending` is already
// true. `pending` is read with interrupts off, so nothing that happens just before the sleep is
// lost.
void sleepUntilInterrupt(std::uint32_t ms, const volatile bool& pending);

}  // namespace tinsmith::board
