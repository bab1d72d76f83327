// The program that runs generated code on the gateway, without any library: its only system calls
// are read, write and exit, which is all that its cage lets through. It ends with 0 after kRunEnd
// was written, 2 where the input is not what it should be, 3 where the code is not there.
#include <stddef.h>

#include "handlers/code/run_format.hpp"

using namespace tinsmith::code;

namespace {

// Else compilers would make calls of memcpy of the loops in memcpy.
inline void stayALoop() {
    asm volatile("" ::: "memory");
}

}  // namespace

extern "C" {
[[gnu::weak]] void tinsmith_feature(const float* window, int length, int channels, float* out);
[[gnu::weak]] int tinsmith_decide(const float* scores, int classes, float* memory);

// Compilers call these of themselves.
void* memcpy(void* to, const void* from, size_t count) {
    auto* target = static_cast<unsigned char*>(to);
    const auto* source = static_cast<const unsigned char*>(from);
    for (size_t i = 0; i < count; ++i) {
        target[i] = source[i];
        stayALoop();
    }
    return to;
}
void* memmove(void* to, const void* from, size_t count) {
    auto* target = static_cast<unsigned char*>(to);
    const auto* source = static_cast<const unsigned char*>(from);
    if (target < source) return memcpy(to, from, count);
    for (size_t i = count; i > 0; --i) {
        target[i - 1] = source[i - 1];
        stayALoop();
    }
    return to;
}
void* memset(void* to, int value, size_t count) {
    auto* target = static_cast<unsigned char*>(to);
    for (size_t i = 0; i < count; ++i) {
        target[i] = static_cast<unsigned char>(value);
        stayALoop();
    }
    return to;
}
int memcmp(const void* left, const void* right, size_t count) {
    const auto* a = static_cast<const unsigned char*>(left);
    const auto* b = static_cast<const unsigned char*>(right);
    for (size_t i = 0; i < count; ++i) {
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    }
    return 0;
}
}

namespace {

#if defined(__x86_64__)
constexpr long kRead = 0, kWrite = 1, kExit = 231;
long call(long number, long a, const void* b, size_t c) {
    long result;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c)
                 : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
constexpr long kRead = 63, kWrite = 64, kExit = 94;
long call(long number, long a, const void* b, size_t c) {
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = a;
    register const void* x1 asm("x1") = b;
    register size_t x2 asm("x2") = c;
    asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#else
#error "how this processor makes system calls is not known here"
#endif

[[noreturn]] void leave(int status) {
    for (;;) call(kExit, status, nullptr, 0);
}

void take(void* to, size_t bytes) {
    auto* target = static_cast<unsigned char*>(to);
    while (bytes > 0) {
        const long got = call(kRead, 0, target, bytes);
        if (got <= 0) leave(2);
        target += got;
        bytes -= static_cast<size_t>(got);
    }
}

void give(const void* from, size_t bytes) {
    const auto* source = static_cast<const unsigned char*>(from);
    while (bytes > 0) {
        const long put = call(kWrite, 1, source, bytes);
        if (put <= 0) leave(2);
        source += put;
        bytes -= static_cast<size_t>(put);
    }
}

float input[kRunMaxInput];
float output[kRunMaxOutputs];
float memory[kRunMemory];

void runFeature(const RunHeader& header) {
    take(input, sizeof(float) * header.length * header.channels);
    for (uint32_t i = 0; i < header.outputs; ++i)
        memcpy(&output[i], &kRunUnwritten, sizeof kRunUnwritten);
    tinsmith_feature(input, static_cast<int>(header.length), static_cast<int>(header.channels),
                     output);
    give(output, sizeof(float) * header.outputs);
}

void runDecision(const RunHeader& header) {
    uint32_t anew = 0;
    take(&anew, sizeof anew);
    take(input, sizeof(float) * header.channels);
    if (anew != 0) memset(memory, 0, sizeof memory);
    const int chosen = tinsmith_decide(input, static_cast<int>(header.channels), memory);
    give(&chosen, sizeof chosen);
}

}  // namespace

extern "C" {
#if defined(__x86_64__)
// Programs begin with another alignment of the stack than functions do.
[[gnu::force_align_arg_pointer]]
#endif
[[noreturn, gnu::used]] void
tinsmith_code_start();
}

void tinsmith_code_start() {
    RunHeader header;
    take(&header, sizeof header);
    const bool decision = header.decision != 0;
    if (header.magic != kRunMagic || header.length == 0 || header.channels == 0 ||
        header.length > kRunMaxInput || header.channels > kRunMaxInput / header.length ||
        header.outputs > kRunMaxOutputs) {
        leave(2);
    }
    if (decision ? tinsmith_decide == nullptr : tinsmith_feature == nullptr) leave(3);
    for (uint32_t i = 0; i < header.items; ++i) {
        if (decision) {
            runDecision(header);
        } else {
            runFeature(header);
        }
    }
    give(&kRunEnd, sizeof kRunEnd);
    leave(0);
}
