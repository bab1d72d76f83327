#include "firmware/boards/mps2/watchdog.hpp"

#include "firmware/boards/mps2/registers.hpp"

namespace tinsmith::board {
namespace {

constexpr std::uint32_t kLoad = kWatchdog + 0x0;
constexpr std::uint32_t kControl = kWatchdog + 0x8;
constexpr std::uint32_t kClear = kWatchdog + 0xC;
constexpr std::uint32_t kLock = kWatchdog + 0xC00;
constexpr std::uint32_t kUnlock = 0x1ACCE551;

void write(std::uint32_t address, std::uint32_t value) {
    reg(kLock) = kUnlock;
    reg(address) = value;
    reg(kLock) = 0;
}

}  // namespace

void startWatchdog(std::uint32_t timeoutMs) {
    write(kLoad, timeoutMs * (kClockHz / 1000));
    write(kControl, 3);
}

void feedWatchdog() {
    write(kClear, 1);
}  // also reloads the counter

void stopWatchdog() {
    write(kControl, 0);
}

}  // namespace tinsmith::board
