// CMSDK watchdog. If nobody feeds it for its time-out it raises the NMI, whose handler notes the
// cause and resets; if even that hangs, the second expiry resets the board.
#pragma once

#include <cstdint>

namespace tinsmith::board {

void startWatchdog(std::uint32_t timeoutMs);
void feedWatchdog();
void stopWatchdog();

}  // namespace tinsmith::board
