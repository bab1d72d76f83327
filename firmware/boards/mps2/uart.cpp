#include "firmware/boards/mps2/uart.hpp"

#include "firmware/boards/mps2/events.hpp"
#include "firmware/boards/mps2/registers.hpp"

namespace tinsmith::board {
namespace {

constexpr std::uint32_t kTransmitFull = 1;
constexpr std::uint32_t kReceiveFull = 2;

// Written by the interrupt, read by the main loop; a power of two, so that the counters may wrap.
constexpr std::uint32_t kRing = 2048;
std::uint8_t ring[kRing];
volatile std::uint32_t written = 0;
volatile std::uint32_t taken = 0;
// The ring was full and a byte waits in the UART, which holds the sender back meanwhile (as
// hardware flow control would).
volatile bool held = false;

// Moves what the UART has into the ring. With interrupts off, or from the interrupt itself.
void drain() {
    held = false;
    while (reg(kUart1 + kUartState) & kReceiveFull) {
        if (written - taken == kRing) {
            held = true;
            return;
        }
        ring[written % kRing] = static_cast<std::uint8_t>(reg(kUart1 + kUartData));
        written = written + 1;
    }
}

}  // namespace

void startLog() {
    reg(kUart0 + kUartDivider) = 16;
    reg(kUart0 + kUartControl) = 1;
}

void startSensorPort() {
    reg(kUart1 + kUartDivider) = 16;
    reg(kUart1 + kUartControl) = 2 | 8;  // receiver on, receive interrupt on
    reg(kNvicEnable) = 1u << kUart1RxIrq;
}

void print(std::string_view text) {
    for (const char c : text) {
        while (reg(kUart0 + kUartState) & kTransmitFull) {
        }
        reg(kUart0 + kUartData) = static_cast<std::uint8_t>(c);
    }
}

bool takeSensorByte(std::uint8_t& byte) {
    if (taken == written) return false;
    byte = ring[taken % kRing];
    taken = taken + 1;
    if (held) {
        disableInterrupts();
        drain();
        enableInterrupts();
    }
    return true;
}

}  // namespace tinsmith::board

extern "C" void uart1RxHandler() {
    using namespace tinsmith::board;
    reg(kUart1 + kUartInterrupt) = 2;
    drain();
    workPending = true;
}
