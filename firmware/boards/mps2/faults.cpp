#include "firmware/boards/mps2/faults.hpp"

#include "firmware/boards/mps2/registers.hpp"

extern "C" std::uint32_t tinsmith_stack_bottom[];
extern "C" std::uint32_t tinsmith_stack_top[];

namespace tinsmith::board {
namespace {

// Two words in the last bytes of the block RAM; the complement tells a real cause from what a cold
// start left.
constexpr std::uint32_t kCause = kBlockRam + 0x3FF0;
constexpr std::uint32_t kCauseCheck = kBlockRam + 0x3FF4;

}  // namespace

void resetAfter(ResetCause cause) {
    disableInterrupts();
    reg(kCause) = static_cast<std::uint32_t>(cause);
    reg(kCauseCheck) = ~static_cast<std::uint32_t>(cause);
    resetBoard();
}

ResetCause takeResetCause() {
    const std::uint32_t cause = reg(kCause);
    const bool real =
        reg(kCauseCheck) == ~cause && cause <= static_cast<std::uint32_t>(ResetCause::fault);
    reg(kCause) = 0;
    reg(kCauseCheck) = 0;
    return real ? static_cast<ResetCause>(cause) : ResetCause::power;
}

std::size_t stackHighWater() {
    const std::uint32_t* word = tinsmith_stack_bottom;
    while (word < tinsmith_stack_top && *word == kStackPaint) ++word;
    return static_cast<std::size_t>(tinsmith_stack_top - word) * sizeof(std::uint32_t);
}

}  // namespace tinsmith::board
