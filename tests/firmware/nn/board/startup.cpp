// The least that runs a program on the emulated board and reports: vectors, FPU, UART0, TIMER0,
// exit by semihosting.
#include "tests/firmware/nn/board/startup.hpp"

extern "C" {
extern std::uint32_t stackTop, dataLoad, dataStart, dataEnd, bssStart, bssEnd;
void resetHandler();
}

namespace {

volatile std::uint32_t& at(std::uint32_t address) {
    return *reinterpret_cast<volatile std::uint32_t*>(address);
}

constexpr std::uint32_t kUart = 0x40004000;
constexpr std::uint32_t kTimer = 0x40000000;

[[noreturn]] void leave(std::uint32_t code) {
    const std::uint32_t block[2] = {0x20026, code};     // ADP_Stopped_ApplicationExit
    register std::uint32_t operation asm("r0") = 0x20;  // SYS_EXIT_EXTENDED
    register const std::uint32_t* argument asm("r1") = block;
    asm volatile("bkpt 0xab" : : "r"(operation), "r"(argument) : "memory");
    for (;;) {
    }
}

[[noreturn]] void fault() {
    leave(99);
}

}  // namespace

using Handler = void (*)();
__attribute__((section(".vectors"), used)) const Handler kVectors[16] = {
    reinterpret_cast<Handler>(&stackTop), resetHandler, fault, fault, fault, fault, fault};

extern "C" void resetHandler() {
#ifdef __ARM_FP
    at(0xE000ED88) = at(0xE000ED88) | 0xFu << 20;  // FPU on
#endif
    std::uint32_t* from = &dataLoad;
    for (std::uint32_t* to = &dataStart; to != &dataEnd; ++to) *to = *from++;
    for (std::uint32_t* to = &bssStart; to != &bssEnd; ++to) *to = 0;
    at(kUart + 0x10) = 16;
    at(kUart + 8) = 1;
    at(kTimer + 8) = 0xffffffff;
    at(kTimer + 4) = 0xffffffff;
    at(kTimer) = 1;
    boardMain();
    leave(0);
}

std::uint32_t ticks() {
    return 0xffffffff - at(kTimer + 4);
}

void print(const char* text) {
    for (; *text != 0; ++text) {
        while (at(kUart + 4) & 1) {
        }
        at(kUart) = static_cast<std::uint8_t>(*text);
    }
}

void print(std::uint32_t number) {
    char digits[11];
    char* at = digits + 10;
    *at = 0;
    do {
        *--at = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print(at);
}
