// How the call works. enter() saves what a caller may expect to find again and asks for svc; the
// handler notes the main stack and returns from the exception onto the process stack, without
// privileges, into the code. Whatever ends it (svc after its return, a fault, SysTick) comes to a
// handler again, which returns onto the main stack as it was noted, so that enter() goes on as if
// its svc had just come back.
#include "firmware/boards/mps2/unprivileged.hpp"

#include <bit>
#include <cstdint>

#include "firmware/boards/mps2/clock.hpp"
#include "firmware/boards/mps2/faults.hpp"
#include "firmware/boards/mps2/registers.hpp"

namespace tinsmith::board {
namespace {

using wire::CodeEnd;

// A value of LR in a handler: which stack the interrupted code used, and the one that returns to
// unprivileged code.
constexpr std::uint32_t kOnProcessStack = 4;
constexpr std::uint32_t kToProcessStack = 0xFFFFFFFD;

constexpr std::uint32_t kUnprivileged = 1;  // of CONTROL
constexpr std::uint32_t kSysTickPendingClear = 1u << 25;

// What faults leave in kFaultStatus.
constexpr std::uint32_t kMemoryFaults = 0x00FF;
constexpr std::uint32_t kStackingFault = 0x0010;
constexpr std::uint32_t kBusFaults = 0xFF00;
// Bytes that an exception pushes.
constexpr std::uint32_t kLargestFrame = 112;

// Region 2: what may be written; region 3: what may be read. The higher one decides.
constexpr std::uint32_t kNeverExecute = 1u << 28;
constexpr std::uint32_t kReadWrite = 3u << 24;
constexpr std::uint32_t kReadOnly = 2u << 24;
constexpr std::uint32_t kCached = 1u << 17;

void setRegion(std::uint32_t number, const void* base, std::uint32_t bytes, std::uint32_t access,
               std::uint8_t eighths) {
    const auto power = static_cast<std::uint32_t>(std::countr_zero(bytes));
    const std::uint32_t off = static_cast<std::uint8_t>(~eighths);
    reg(kMpuNumber) = number;
    reg(kMpuBase) = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(base));
    reg(kMpuAttributes) =
        kNeverExecute | access | kCached | off << 8 | (power - 1) << 1 | (eighths != 0 ? 1 : 0);
}

void clearRegion(std::uint32_t number) {
    reg(kMpuNumber) = number;
    reg(kMpuAttributes) = 0;
}

// The call that is under way.
volatile bool inside = false;
std::uint32_t* mainStack = nullptr;
std::uint32_t mainReturn = 0;
std::uint32_t stackBottom = 0;

std::uint32_t control() {
    std::uint32_t value;
    asm volatile("mrs %0, control" : "=r"(value));
    return value;
}
void setControl(std::uint32_t value) {
    asm volatile("msr control, %0\n isb" ::"r"(value) : "memory");
}

// Where code returns to: the frame that starts it has this in LR.
[[gnu::naked]] void codeReturned() {
    asm volatile(
        "svc #0\n"
        "b .\n");
}

// `processStack` points to an exception frame. Comes back with the CodeEnd in the low word and the
// code's value in the high one.
[[gnu::naked]] std::uint64_t enter([[maybe_unused]] std::uint32_t* processStack) {
    asm volatile("push {r3-r11, lr}\n");
#ifdef __ARM_FP
    asm volatile("vpush {s16-s31}\n");
#endif
    asm volatile("svc #0\n");
#ifdef __ARM_FP
    asm volatile("vpop {s16-s31}\n");
#endif
    asm volatile("pop {r3-r11, pc}\n");
}

[[noreturn]] void leave(CodeEnd end, std::uint32_t value) {
    inside = false;
    mainStack[0] = static_cast<std::uint32_t>(end);  // r0 and r1 of the frame
    mainStack[1] = value;
#ifdef __ARM_FP
    // The code's floating point registers are not wanted: a save of them that is still due would
    // stand in the way of our own coming back.
    reg(kFloatContext) = reg(kFloatContext) & ~1u;
#endif
    setControl(control() & ~kUnprivileged);
    asm volatile(
        "msr msp, %0\n"
        "bx %1\n" ::"r"(mainStack),
        "r"(mainReturn)
        : "memory");
    __builtin_unreachable();
}

bool fromCode(std::uint32_t exceptionReturn) {
    return inside && (exceptionReturn & kOnProcessStack) != 0;
}

std::uint32_t processStack() {
    std::uint32_t value;
    asm volatile("mrs %0, psp" : "=r"(value));
    return value;
}

CodeEnd endOf(std::uint32_t status) {
    if ((status & kStackingFault) != 0) return CodeEnd::stack;
    // A stack that has come to its end is just above it, or beyond it.
    if ((status & kMemoryFaults) != 0)
        return processStack() < stackBottom + kLargestFrame ? CodeEnd::stack : CodeEnd::memory;
    return (status & kBusFaults) != 0 ? CodeEnd::bus : CodeEnd::instruction;
}

}  // namespace
}  // namespace tinsmith::board

using namespace tinsmith::board;

extern "C" {

[[gnu::used]] void tinsmith_svc(std::uint32_t* frame, std::uint32_t exceptionReturn) {
    if (fromCode(exceptionReturn)) {
        // The frame lies where the code could write, else its stacking had failed.
        leave(CodeEnd::returned, reg(processStack()));
    }
    if (inside || (exceptionReturn & kOnProcessStack) != 0) resetAfter(ResetCause::fault);
    inside = true;
    mainStack = frame;
    mainReturn = exceptionReturn;
#ifdef __ARM_FP
    asm volatile("vmov.f32 s0, s0");  // has our own registers saved now, not when the code has its
#endif
    asm volatile("msr psp, %0" ::"r"(frame[0]));
    setControl(control() | kUnprivileged);
    asm volatile(
        "msr msp, %0\n"
        "bx %1\n" ::"r"(frame),
        "r"(kToProcessStack)
        : "memory");
    __builtin_unreachable();
}

[[gnu::used]] void tinsmith_fault(std::uint32_t exceptionReturn) {
    if (!fromCode(exceptionReturn)) resetAfter(ResetCause::fault);
    const std::uint32_t status = reg(kFaultStatus);
    reg(kFaultStatus) = status;  // ones clear
    leave(endOf(status), 0);
}

[[gnu::used]] void tinsmith_tick(std::uint32_t exceptionReturn) {
    if (fromCode(exceptionReturn)) leave(CodeEnd::time, 0);
}

[[gnu::naked]] void svcHandler() {
    asm volatile(
        "mrs r0, msp\n"
        "mov r1, lr\n"
        "b tinsmith_svc\n");
}
[[gnu::naked]] void faultHandler() {
    asm volatile(
        "mov r0, lr\n"
        "b tinsmith_fault\n");
}
[[gnu::naked]] void sysTickHandler() {
    asm volatile(
        "mov r0, lr\n"
        "b tinsmith_tick\n");
}

}  // extern "C"

namespace tinsmith::board {

app::CodeAnswer callUnprivileged(const app::CodeCall& call) {
    auto* frame =
        reinterpret_cast<std::uint32_t*>(call.area->stack.data() + call.area->stack.size()) - 8;
    for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<std::uint32_t>(call.arguments[i]);
    frame[4] = 0;
    frame[5] = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(codeReturned)) | 1;
    frame[6] = static_cast<std::uint32_t>(call.entry) & ~1u;
    frame[7] = 0x01000000;  // Thumb
    stackBottom = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(call.area));

    const std::uint32_t before = reg(kMpuControl);
    setRegion(2, call.area, sizeof *call.area, kReadWrite, call.writable);
    setRegion(3, call.input, call.inputBytes, kReadOnly, call.readable);
    reg(kMpuControl) = kMpuOn | kMpuDefaultMap;
    barrier();
    reg(kSysTickReload) = app::kCodeLimitMs * (kClockHz / 1000) - 1;
    reg(kSysTickValue) = 0;
    reg(kSysTickControl) = 7;

    const std::uint64_t ended = enter(frame);

    reg(kSysTickControl) = 0;
    reg(kInterruptState) = kSysTickPendingClear;
    clearRegion(2);
    clearRegion(3);
    reg(kMpuControl) = before;
    barrier();
    return {static_cast<CodeEnd>(static_cast<std::uint32_t>(ended)),
            static_cast<std::int32_t>(ended >> 32)};
}

}  // namespace tinsmith::board
