#include "firmware/boards/mps2/clock.hpp"

#include <algorithm>

#include "firmware/boards/mps2/registers.hpp"

namespace tinsmith::board {
namespace {

constexpr std::uint32_t kTicksPerMs = kClockHz / 1000;
std::uint64_t total = 0;
std::uint32_t last = 0;

}  // namespace

void startClock() {
    reg(kTimer0) = 0;
    reg(kTimer0 + 8) = 0xFFFFFFFF;
    reg(kTimer0 + 4) = 0xFFFFFFFF;
    reg(kTimer0) = 1;
    total = 0;
    last = 0xFFFFFFFF;
}

std::uint64_t ticks() {
    const std::uint32_t now = reg(kTimer0 + 4);
    total += last - now;  // it counts down
    last = now;
    return total;
}

std::uint64_t milliseconds() {
    return ticks() / kTicksPerMs;
}

void sleepUntilInterrupt(std::uint32_t ms, const volatile bool& pending) {
    if (ms == 0) return;
    // SysTick is 24 bits wide: 671 ms at 25 MHz.
    reg(kSysTickReload) = std::min<std::uint32_t>(ms, 500) * kTicksPerMs - 1;
    reg(kSysTickValue) = 0;
    reg(kSysTickControl) = 7;
    disableInterrupts();
    if (!pending) asm volatile("wfi");
    enableInterrupts();
    reg(kSysTickControl) = 0;
}

}  // namespace tinsmith::board
