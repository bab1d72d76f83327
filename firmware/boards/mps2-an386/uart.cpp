#include "firmware/boards/mps2-an386/uart.hpp"

#include "firmware/boards/mps2-an386/events.hpp"
#include "firmware/boards/mps2-an386/registers.hpp"

namespace tinsmith::board {
namespace {

constexpr std::uint32_t kTransmitFull = 1;
constexpr std::uint32_t kReceiveFull = 2;
constexpr std::uint32_t kReceiveOverrun = 8;

// Written by the interrupt, read by the main loop; a power of two, so that the counters may wrap.
constexpr std::uint32_t kRing = 2048;
std::uint8_t ring[kRing];
volatile std::uint32_t written = 0;
volatile std::uint32_t taken = 0;
volatile std::uint32_t lost = 0;

}  // namespace

void startUarts() {
    reg(kUart0 + kUartDivider) = 16;
    reg(kUart0 + kUartControl) = 1;
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

void printNumber(std::uint64_t value) {
    char digits[20];
    std::size_t count = 0;
    do {
        digits[sizeof digits - ++count] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    print({digits + sizeof digits - count, count});
}

bool takeSensorByte(std::uint8_t& byte) {
    if (taken == written) return false;
    byte = ring[taken % kRing];
    taken = taken + 1;
    return true;
}

bool sensorBytesWaiting() { return taken != written; }

std::uint32_t sensorBytesLost() { return lost; }

}  // namespace tinsmith::board

extern "C" void uart1RxHandler() {
    using namespace tinsmith::board;
    reg(kUart1 + kUartInterrupt) = 2;
    while (reg(kUart1 + kUartState) & kReceiveFull) {
        const auto byte = static_cast<std::uint8_t>(reg(kUart1 + kUartData));
        if (written - taken < kRing) {
            ring[written % kRing] = byte;
            written = written + 1;
        } else {
            lost = lost + 1;
        }
    }
    if (reg(kUart1 + kUartState) & kReceiveOverrun) {
        reg(kUart1 + kUartState) = kReceiveOverrun;
        lost = lost + 1;
    }
    workPending = true;
}
