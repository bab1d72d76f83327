// Vector table and reset handler, shared by the bootloader and the application.
#include <cstdint>
#include <cstring>

#include "firmware/boards/mps2/faults.hpp"
#include "firmware/boards/mps2/registers.hpp"

extern "C" {
extern std::uint32_t tinsmith_stack_bottom[];
extern std::uint32_t tinsmith_stack_top[];
extern std::uint32_t tinsmith_data_load[];
extern std::uint32_t tinsmith_data_start[];
extern std::uint32_t tinsmith_data_end[];
extern std::uint32_t tinsmith_bss_start[];
extern std::uint32_t tinsmith_bss_end[];
using Constructor = void (*)();
extern Constructor __init_array_start[];
extern Constructor __init_array_end[];

int main();
void resetHandler();
void watchdogHandler();

// Handlers that only the application has; the bootloader takes the defaults.
[[gnu::weak]] void svcHandler();
[[gnu::weak]] void faultHandler();
[[gnu::weak]] void sysTickHandler() {}
[[gnu::weak]] void uart1RxHandler() {}
[[gnu::weak]] void ethernetHandler() {}
void unexpectedHandler();
}

namespace {

using Handler = void (*)();

struct VectorTable {
    std::uint32_t* stackTop;
    Handler handlers[47];
};

}  // namespace

extern "C" {

// 16 system exceptions and 32 interrupts.
[[gnu::section(".vectors"), gnu::used]] const VectorTable tinsmith_vectors = {
    tinsmith_stack_top,
    {
        resetHandler,      watchdogHandler,   faultHandler,      faultHandler,
        faultHandler,      faultHandler,      nullptr,           nullptr,
        nullptr,           nullptr,           svcHandler,        unexpectedHandler,
        nullptr,           unexpectedHandler, sysTickHandler,    unexpectedHandler,
        unexpectedHandler, uart1RxHandler,    unexpectedHandler, unexpectedHandler,
        unexpectedHandler, unexpectedHandler, unexpectedHandler, unexpectedHandler,
        unexpectedHandler, unexpectedHandler, unexpectedHandler, unexpectedHandler,
        ethernetHandler,   unexpectedHandler, unexpectedHandler, unexpectedHandler,
        unexpectedHandler, unexpectedHandler, unexpectedHandler, unexpectedHandler,
        unexpectedHandler, unexpectedHandler, unexpectedHandler, unexpectedHandler,
        unexpectedHandler, unexpectedHandler, unexpectedHandler, unexpectedHandler,
        unexpectedHandler, unexpectedHandler, unexpectedHandler,
    }};

void faultHandler() {
    tinsmith::board::resetAfter(tinsmith::board::ResetCause::fault);
}
void watchdogHandler() {
    tinsmith::board::resetAfter(tinsmith::board::ResetCause::watchdog);
}
void unexpectedHandler() {
    tinsmith::board::resetAfter(tinsmith::board::ResetCause::fault);
}
void svcHandler() {
    unexpectedHandler();
}

// The library's own would pull in signals and a heap. Firmware never ends: it restarts.
[[noreturn]] void abort() {
    tinsmith::board::resetAfter(tinsmith::board::ResetCause::fault);
}
[[noreturn]] void __cxa_pure_virtual() {
    abort();
}
int __aeabi_atexit(void*, void (*)(void*), void*) {
    return 0;
}
void* __dso_handle = nullptr;

[[gnu::naked]] void resetHandler() {
#ifdef __ARM_FP
    // The FPU is off after reset, and compiled code may use it at once.
    asm volatile(
        "ldr r0, =0xE000ED88\n"
        "ldr r1, [r0]\n"
        "orr r1, r1, #0xF00000\n"
        "str r1, [r0]\n"
        "dsb\n"
        "isb\n");
#endif
    asm volatile("b tinsmith_start\n");
}

[[noreturn, gnu::used]] void tinsmith_start() {
    // A known pattern below the stack pointer shows later how deep the stack ever went.
    auto* here = static_cast<std::uint32_t*>(__builtin_frame_address(0)) - 16;
    for (std::uint32_t* word = tinsmith_stack_bottom; word < here; ++word) {
        *word = tinsmith::board::kStackPaint;
    }
    std::memcpy(tinsmith_data_start, tinsmith_data_load,
                reinterpret_cast<std::uintptr_t>(tinsmith_data_end) -
                    reinterpret_cast<std::uintptr_t>(tinsmith_data_start));
    std::memset(tinsmith_bss_start, 0,
                reinterpret_cast<std::uintptr_t>(tinsmith_bss_end) -
                    reinterpret_cast<std::uintptr_t>(tinsmith_bss_start));
    for (Constructor* c = __init_array_start; c != __init_array_end; ++c) (*c)();
    main();
    tinsmith::board::resetAfter(tinsmith::board::ResetCause::fault);
}

}  // extern "C"
