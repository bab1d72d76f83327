// The least that a Cortex-M4F needs to reach main: vectors, FPU on, .data copied by the loader,
// .bss cleared.
#include <cstdint>

extern "C" {
extern std::uint32_t __bss_start__, __bss_end__;
int main();
[[noreturn]] void exitEmulator(int status);

[[noreturn]] void reset() {
    *reinterpret_cast<volatile std::uint32_t*>(0xE000ED88u) |=
        0xFu << 20;  // CPACR: full access to the FPU
    __asm volatile("dsb\n isb");
    for (std::uint32_t* word = &__bss_start__; word < &__bss_end__; ++word) *word = 0;
    exitEmulator(main());
}

[[noreturn]] void fault() {
    exitEmulator(99);
}

// Semihosting SYS_EXIT_EXTENDED: block {ADP_Stopped_ApplicationExit, status}.
[[noreturn]] void exitEmulator(int status) {
    volatile std::uint32_t block[2] = {0x20026u, static_cast<std::uint32_t>(status)};
    register std::uint32_t operation __asm("r0") = 0x20;
    register volatile std::uint32_t* argument __asm("r1") = block;
    __asm volatile("bkpt 0xab" : : "r"(operation), "r"(argument) : "memory");
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) const std::uintptr_t kVectors[16] = {
    0x20400000u - 16,  // end of the data RAM
    reinterpret_cast<std::uintptr_t>(reset),
    reinterpret_cast<std::uintptr_t>(fault),
    reinterpret_cast<std::uintptr_t>(fault),
    reinterpret_cast<std::uintptr_t>(fault),
    reinterpret_cast<std::uintptr_t>(fault),
    reinterpret_cast<std::uintptr_t>(fault),
};
}
