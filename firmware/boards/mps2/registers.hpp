// The hardware registers of the MPS2 boards that the firmware uses, as QEMU 7.2 models them (Arm
// AN385, DAI0385; AN386, DAI0386; Cortex-M3 and Cortex-M4 generic user guides, DUI0552 and DUI0553;
// SMSC LAN9118 data sheet).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinsmith::board {

using Register = volatile std::uint32_t;

inline Register& reg(std::uint32_t address) {
    return *reinterpret_cast<Register*>(address);
}

inline constexpr std::uint32_t kClockHz = 25'000'000;

// Memory map.
inline constexpr std::uint32_t kBlockRam = 0x01000000;   // 16 KB, survives resets: hand-over area
inline constexpr std::uint32_t kFlashBase = 0x21000000;  // 16 MB PSRAM, backed by the flash file
inline constexpr std::uint32_t kFlashSize = 16u << 20;

// CMSDK UARTs.
inline constexpr std::uint32_t kUart0 = 0x40004000;
inline constexpr std::uint32_t kUart1 = 0x40005000;
inline constexpr std::uint32_t kUartData = 0x00;
inline constexpr std::uint32_t kUartState = 0x04;
inline constexpr std::uint32_t kUartControl = 0x08;
inline constexpr std::uint32_t kUartInterrupt = 0x0C;
inline constexpr std::uint32_t kUartDivider = 0x10;
inline constexpr unsigned kUart1RxIrq = 2;

// CMSDK timer 0: a free running down-counter is the clock.
inline constexpr std::uint32_t kTimer0 = 0x40000000;

// CMSDK watchdog: first expiry NMI, second reset.
inline constexpr std::uint32_t kWatchdog = 0x40008000;

// LAN9118 Ethernet.
inline constexpr std::uint32_t kEthernet = 0x40200000;
inline constexpr unsigned kEthernetIrq = 13;

// Core: SysTick, NVIC, SCB, MPU.
inline constexpr std::uint32_t kSysTickControl = 0xE000E010;
inline constexpr std::uint32_t kSysTickReload = 0xE000E014;
inline constexpr std::uint32_t kSysTickValue = 0xE000E018;
inline constexpr std::uint32_t kNvicEnable = 0xE000E100;
inline constexpr std::uint32_t kNvicDisable = 0xE000E180;
inline constexpr std::uint32_t kNvicClearPending = 0xE000E280;
inline constexpr std::uint32_t kInterruptState = 0xE000ED04;
inline constexpr std::uint32_t kVectorTable = 0xE000ED08;
inline constexpr std::uint32_t kResetControl = 0xE000ED0C;
inline constexpr std::uint32_t kFaultStatus = 0xE000ED28;
inline constexpr std::uint32_t kCoprocessorAccess = 0xE000ED88;
inline constexpr std::uint32_t kMpuControl = 0xE000ED94;
inline constexpr std::uint32_t kMpuNumber = 0xE000ED98;
inline constexpr std::uint32_t kMpuBase = 0xE000ED9C;
inline constexpr std::uint32_t kMpuAttributes = 0xE000EDA0;
inline constexpr std::uint32_t kMpuOn = 1;          // of kMpuControl
inline constexpr std::uint32_t kMpuDefaultMap = 4;  // what no region names is for privileged code
inline constexpr std::uint32_t kFloatContext = 0xE000EF34;

inline void barrier() {
    asm volatile("dsb\n isb" ::: "memory");
}
inline void disableInterrupts() {
    asm volatile("cpsid i" ::: "memory");
}
inline void enableInterrupts() {
    asm volatile("cpsie i" ::: "memory");
}

// Restarts the whole board through AIRCR.SYSRESETREQ; memory outside the boot image keeps its
// contents.
[[noreturn]] inline void resetBoard() {
    barrier();
    reg(kResetControl) = 0x05FA0004;
    barrier();
    for (;;) {
    }
}

}  // namespace tinsmith::board
