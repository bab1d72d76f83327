// Why the board restarted, and how deep the stack went. The board has no reset-cause register, so
// the cause of a reset that software chose lies in the block RAM, which keeps its contents.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinsmith::board {

inline constexpr std::uint32_t kStackPaint = 0xA5C3A5C3;

enum class ResetCause : std::uint32_t {
    power = 0,  // cold start, or a reset from outside
    software,   // the application asked for it
    watchdog,   // the main loop hung
    fault,      // hard fault or unexpected interrupt
};

// Stores the cause and restarts the board.
[[noreturn]] void resetAfter(ResetCause cause);

// The cause that the last reset left; a second call says `power`, so that a cause is reported once.
ResetCause takeResetCause();

// Most bytes of stack ever used since start-up.
std::size_t stackHighWater();

}  // namespace tinsmith::board
