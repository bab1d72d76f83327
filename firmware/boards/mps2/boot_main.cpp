// The bootloader: picks a slot (firmware/boot/decide.hpp) and jumps into it.
#include <cstdint>
#include <string_view>

#include "firmware/boards/mps2/clock.hpp"
#include "firmware/boards/mps2/flash_driver.hpp"
#include "firmware/boards/mps2/registers.hpp"
#include "firmware/boards/mps2/uart.hpp"
#include "firmware/boards/mps2/watchdog.hpp"
#include "firmware/boot/decide.hpp"
#include "firmware/boot/rom.hpp"

namespace tinsmith::boot {
namespace {

constexpr std::string_view kBoard = TINSMITH_BOARD;

constexpr RomInfo romWithoutKeys() {
    RomInfo rom{};
    for (std::size_t i = 0; i < rom.marker.size(); ++i) rom.marker[i] = kRomMarker[i];
    static_assert(kBoard.size() < sizeof rom.board);
    for (std::size_t i = 0; i < kBoard.size(); ++i) rom.board[i] = kBoard[i];
    return rom;
}

}  // namespace

// No keys here: the factory patches them into a copy of boot.elf. Read through the address, as the
// application does, so that the compiler cannot take the zeros for constants.
extern const RomInfo tinsmithRomInfo;
[[gnu::section(".rominfo"), gnu::used]] const RomInfo tinsmithRomInfo = romWithoutKeys();

}  // namespace tinsmith::boot

namespace {

using namespace tinsmith;

// Time for the application to reach its main loop, and at most between two turns of it.
constexpr std::uint32_t kWatchdogMs = 8000;

[[noreturn]] void jump(std::uint32_t vectors) {
    const auto* table = reinterpret_cast<const std::uint32_t*>(vectors);
    board::disableInterrupts();
    board::reg(board::kSysTickControl) = 0;
    board::reg(board::kNvicDisable) = 0xFFFFFFFF;
    board::reg(board::kNvicClearPending) = 0xFFFFFFFF;
    board::reg(board::kVectorTable) = vectors;
    board::barrier();
    asm volatile(
        "msr msp, %0\n"
        "cpsie i\n"
        "bx %1\n"
        :
        : "r"(table[0]), "r"(table[1])
        : "memory");
    __builtin_unreachable();
}

}  // namespace

int main() {
    board::startClock();
    board::startLog();
    board::protectFlash();
    board::FlashDriver flash;
    const boot::Decision decision = boot::decide(flash, boot::romInfo(), TINSMITH_BOARD);
    if (!decision.found) {
        board::print("boot: no slot holds an image that may run\r\n");
        for (;;) asm volatile("wfi");
    }
    board::print(decision.slot == 0 ? "boot: slot A" : "boot: slot B");
    board::print(decision.trial ? ", on trial\r\n" : "\r\n");
    board::startWatchdog(kWatchdogMs);
    jump(decision.vectors);
}
