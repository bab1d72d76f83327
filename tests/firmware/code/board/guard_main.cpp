// Calls code of all kinds through the board's guard and prints how each call ended, one line each:
// name, end, value, what is wrong afterwards ("ok" for nothing).
#include <bit>
#include <cstdint>
#include <cstring>

#include "firmware/app/code.hpp"
#include "firmware/boards/mps2/clock.hpp"
#include "firmware/boards/mps2/faults.hpp"
#include "firmware/boards/mps2/flash_driver.hpp"
#include "firmware/boards/mps2/registers.hpp"
#include "firmware/boards/mps2/uart.hpp"
#include "firmware/boards/mps2/unprivileged.hpp"
#include "tests/firmware/code/sweep.hpp"

using namespace tinsmith;

namespace {

constexpr std::uint32_t kCanary = 0xC0FFEE11;

// Beside what the code may touch: privileged memory, as all of the application's is.
alignas(1024) volatile std::uint32_t canary[256];
app::CodeArea area;
alignas(1024) float input[256];

using Word = volatile std::uint32_t;

Word& word(std::uint32_t address) {
    return *reinterpret_cast<Word*>(address);
}
std::uint32_t addressOf(const volatile void* thing) {
    return reinterpret_cast<std::uintptr_t>(thing);
}

// ---- The code under the guard; four arguments, as generated functions have at most.

int answers(const float* window, int length, int channels, float* out) {
    for (int i = 0; i < length; ++i) out[i] = window[i * channels] * 2.0f;
    return length + channels;
}
int writesItsInput(float* window) {
    *static_cast<volatile float*>(window) = 1.0f;
    return 1;
}
int writesWild() {
    canary[3] = 1;
    return 1;
}
int readsWild() {
    return static_cast<int>(canary[3]);
}
int writesBehindItsArea() {
    word(addressOf(&area) + sizeof area) = 1;
    return 1;
}
int writesItsMemory() {
    return *reinterpret_cast<volatile float*>(&area.memory) = 1.0f, 1;
}
int writesFlash() {
    word(0x21010400) = 0;
    return 1;
}
int readsFlash() {
    return static_cast<int>(word(0x21010400) != 1);
}
int readsTheConfiguration() {
    return static_cast<int>(word(0x21000000));
}
int readsTheBootRom() {
    return static_cast<int>(word(0x00000004));
}
int writesTheUart() {
    word(board::kUart0) = '!';
    return 1;
}
int stopsTheWatchdog() {
    word(board::kWatchdog + 8) = 0;
    return 1;
}
int switchesTheMpuOff() {
    word(board::kMpuControl) = 0;
    return 1;
}
int movesTheVectors() {
    word(board::kVectorTable) = 0x20000000;
    return 1;
}
int resetsTheBoard() {
    word(board::kResetControl) = 0x05FA0004;
    return 1;
}
int opensTheFlash() {
    board::FlashWindow window;
    return 1;
}
int loops() {
    for (;;) asm volatile("");
}
int loopsWithInterruptsOff() {
    asm volatile("cpsid i\n cpsid f");
    for (;;) asm volatile("");
}
int sleeps() {
    for (;;) asm volatile("wfi");
}
[[gnu::noinline]] int recurses(int depth) {
    volatile int frame[16] = {depth};
    return recurses(depth + 1) + frame[depth & 15];
}
int takesABigFrame() {
    volatile std::uint8_t frame[4000];
    frame[0] = 1;
    return frame[0];
}
int callsNull() {
    int (*volatile function)() = nullptr;
    return function();
}
int callsData() {
    area.outputs[0] = std::bit_cast<float>(0x47704770u);  // bx lr, twice
    return reinterpret_cast<int (*)()>(addressOf(&area.outputs) | 1)();
}
int callsAnEvenAddress() {
    return reinterpret_cast<int (*)()>(addressOf(reinterpret_cast<void*>(readsFlash)) & ~1u)();
}
int isUndefined() {
    asm volatile("udf #0");
    return 1;
}
int asksForService() {
    asm volatile("mov r0, #77\n svc #9" ::: "r0");
    return 1;
}
int returnsLikeAHandler() {
    asm volatile("ldr r0, =0xFFFFFFF9\n bx r0" ::: "r0");
    return 1;
}
int takesPrivileges() {
    asm volatile("mov r0, #0\n msr control, r0\n isb" ::: "r0");
    canary[3] = 1;
    return 1;
}
int takesTheMainStack() {
    asm volatile("mov r0, #0\n msr msp, r0\n isb" ::: "r0");
    return 5;  // without effect
}
int pointsItsStackAtUs() {
    asm volatile("mov sp, %0\n push {r0-r7}" ::"r"(addressOf(&canary[128])));
    return 1;
}
int asksForServiceWithOurStack() {
    asm volatile("mov sp, %0\n svc #0" ::"r"(addressOf(&canary[128])));
    return 1;
}
int sleepsWithOurStack() {
    asm volatile("mov sp, %0\n 1: b 1b" ::"r"(addressOf(&canary[128])));
    return 1;
}
#ifdef __ARM_FP
int upsetsTheFloatingPoint() {
    asm volatile(
        "mov r0, #0xC00000\n vmsr fpscr, r0\n vmov s0, r0\n vmov s1, r0\n vmov s15, r0\n"
        "vmov s16, r0\n vmov s20, r0\n vmov s31, r0" ::
            : "r0");
    return 6;
}
int upsetsTheFloatingPointAndFaults() {
    upsetsTheFloatingPoint();
    canary[3] = 1;
    return 1;
}
#endif

template <class Function>
std::uintptr_t entry(Function* function) {
    return reinterpret_cast<std::uintptr_t>(function);
}

app::CodeAnswer call(std::uintptr_t code) {
    return board::callUnprivileged({.entry = code,
                                    .arguments = {addressOf(input), 8, 2, addressOf(&area.outputs)},
                                    .area = &area,
                                    .writable = app::kCodeStackEighths | app::kCodeOutputEighths,
                                    .input = input,
                                    .inputBytes = sizeof input,
                                    .readable = 0x01});
}

void printNumber(std::int32_t value) {
    char text[12];
    char* at = text + sizeof text;
    *--at = '\0';
    const bool negative = value < 0;
    std::uint32_t rest =
        negative ? 0u - static_cast<std::uint32_t>(value) : static_cast<std::uint32_t>(value);
    do *--at = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (negative) *--at = '-';
    board::print(at);
}

// What the application still has to be able to do.
const char* faultAfterwards() {
    for (const volatile std::uint32_t& each : canary) {
        if (each != kCanary) return "canary";
    }
    std::uint32_t privileges;
    std::uint32_t masked;
    asm volatile("mrs %0, control\n mrs %1, primask" : "=r"(privileges), "=r"(masked));
    if ((privileges & 3) != 0) return "privileges";
    if (masked != 0) return "interrupts";
    for (int i = 0; i < 256; ++i) input[i] = static_cast<float>(i);
    area.outputs.fill(0.0f);
    const app::CodeAnswer good = call(entry(answers));
    if (good.end != wire::CodeEnd::returned || good.value != 10) return "call";
    for (std::size_t i = 0; i < 8; ++i) {
        if (area.outputs[i] != 4.0f * static_cast<float>(i)) return "outputs";
    }
    return "ok";
}

struct Case {
    const char* name;
    std::uintptr_t code;
};

void run(const Case& each) {
    volatile float kept = 1.25f;
    const float before = kept * 3.0f;
    const app::CodeAnswer answer = call(each.code);
    const bool same = kept * 3.0f == before;
    board::print(each.name);
    board::print(" ");
    board::print(wire::name(answer.end));
    board::print(" ");
    printNumber(answer.value);
    board::print(" ");
    board::print(same ? faultAfterwards() : "float");
    board::print("\n");
}

[[noreturn]] void exitEmulator() {
    volatile std::uint32_t block[2] = {0x20026u, 0};
    register std::uint32_t operation asm("r0") = 0x20;
    register volatile std::uint32_t* argument asm("r1") = block;
    asm volatile("bkpt 0xab" ::"r"(operation), "r"(argument) : "memory");
    for (;;) {
    }
}

}  // namespace

int main() {
    board::startClock();
    board::startLog();
    board::protectFlash();
    for (volatile std::uint32_t& each : canary) each = kCanary;
#define CASE(function)             \
    Case {                         \
        #function, entry(function) \
    }
    const Case cases[] = {
        CASE(answers),
        CASE(writesItsInput),
        CASE(writesWild),
        CASE(readsWild),
        CASE(writesBehindItsArea),
        CASE(writesItsMemory),
        CASE(writesFlash),
        CASE(readsFlash),
        CASE(readsTheConfiguration),
        CASE(readsTheBootRom),
        CASE(writesTheUart),
        CASE(stopsTheWatchdog),
        CASE(switchesTheMpuOff),
        CASE(movesTheVectors),
        CASE(resetsTheBoard),
        CASE(opensTheFlash),
        CASE(loops),
        CASE(loopsWithInterruptsOff),
        CASE(sleeps),
        CASE(recurses),
        CASE(takesABigFrame),
        CASE(callsNull),
        CASE(callsData),
        CASE(callsAnEvenAddress),
        CASE(isUndefined),
        CASE(asksForService),
        CASE(returnsLikeAHandler),
        CASE(takesPrivileges),
        CASE(takesTheMainStack),
        CASE(pointsItsStackAtUs),
        CASE(asksForServiceWithOurStack),
        CASE(sleepsWithOurStack),
#ifdef __ARM_FP
        CASE(upsetsTheFloatingPoint),
        CASE(upsetsTheFloatingPointAndFaults),
#endif
    };
#undef CASE
    for (const Case& each : cases) run(each);
    {
        // Preflight calls code while the flash may be written.
        board::FlashWindow window;
        run({"writesFlashInAWindow", entry(writesFlash)});
        run({"writesWildInAWindow", entry(writesWild)});
        board::print(board::reg(board::kMpuControl) == 0 ? "window open\n" : "window shut\n");
    }
    board::print("functions ");
    printNumber(static_cast<std::int32_t>(test::hashOfFunctions()));
    board::print("\nend\n");
    exitEmulator();
}
