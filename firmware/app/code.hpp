// Generated code on the microcontroller: called through the board's guard, with a default where it
// fails. How it is kept from harm is the board's (BoardHooks, CodeGuard); what comes of it is here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::app {

inline constexpr std::size_t kCodeStackBytes = 2048;
inline constexpr std::size_t kCodeMaxOutputs = dsp::kMaxCodeValues;
inline constexpr std::size_t kCodeMemory = 32;  // floats that a decision rule keeps
inline constexpr std::size_t kCodeMaxClasses = 64;
// So many faults one after the other, and the code is not called again until the next boot.
inline constexpr std::uint32_t kCodeMaxFaults = 3;
// A call may take so long: far more than any window needs, and far less than the watchdog allows.
inline constexpr std::uint32_t kCodeLimitMs = 500;

// All memory that generated code may write to, and the scores that it may read. Guards protect
// eighths of it.
struct alignas(4096) CodeArea {
    std::array<std::uint8_t, kCodeStackBytes> stack;  // the lowest: what overflows meets a fault
    std::array<float, kCodeMaxOutputs> outputs;
    std::array<float, 128> memory;  // of which kCodeMemory are promised
    std::array<float, 128> scores;
};
static_assert(sizeof(CodeArea) == 4096);
inline constexpr std::uint8_t kCodeStackEighths = 0x0F;
inline constexpr std::uint8_t kCodeOutputEighths = 0x30;
inline constexpr std::uint8_t kCodeMemoryEighths = 0x40;
inline constexpr std::uint8_t kCodeScoreEighths = 0x80;

// What a generated model says of its code; absent parts are null.
struct GeneratedCode {
    void (*feature)(const float* window, int length, int channels, float* out);
    std::uint16_t outputs;  // values that `feature` writes
    // Where a window is copied for `feature` to read: a power of two of bytes, aligned to as many.
    float* input;
    std::uint32_t inputBytes;
    int (*decide)(const float* scores, int classes, float* memory);
    float scoreScale;  // a score is (output - scoreZero) * scoreScale
    std::int32_t scoreZero;
    CodeArea* area;
};

// One call. The code may write to the eighths of `area` in `writable` and read `input`, of whose
// eighths only those in `readable` count.
struct CodeCall {
    std::uintptr_t entry;
    std::array<std::uintptr_t, 4> arguments;
    CodeArea* area;
    std::uint8_t writable;
    const void* input;
    std::uint32_t inputBytes;
    std::uint8_t readable;
};

struct CodeAnswer {
    wire::CodeEnd end = wire::CodeEnd::returned;
    std::int32_t value = 0;
};

// Runs the call without privileges and under a time limit.
using CodeGuard = CodeAnswer (*)(const CodeCall& call);

class CodeRunner {
  public:
    void use(CodeGuard guard) { guard_ = guard; }
    // From now on calls are timed.
    void time(std::uint64_t (*ticks)()) { ticks_ = ticks; }

    // Fills `out` with code.outputs values, zeros where the code fails or gives anything but
    // finite numbers. `window` is length * channels floats.
    void feature(const GeneratedCode& code, const float* window, int length, int channels,
                 float* out);

    // The class to publish or -1; where the code fails or names no class, that of the highest
    // score, and the code's memory is zero again.
    [[nodiscard]] int decide(const GeneratedCode& code, const std::int8_t* output, int classes);

    // As after a boot, but the faults stay counted.
    void forget(const GeneratedCode& code);

    [[nodiscard]] std::uint32_t faults() const { return faults_; }
    [[nodiscard]] wire::CodeEnd lastFault() const { return lastFault_; }
    // Of a timed call, guard included.
    [[nodiscard]] std::uint64_t longestTicks() const { return longestTicks_; }

  private:
    [[nodiscard]] CodeAnswer call(const CodeCall& call, std::uint32_t inARow);
    // Books how a call ended; true where it went well.
    [[nodiscard]] bool book(wire::CodeEnd end, std::uint32_t& inARow);

    CodeGuard guard_ = nullptr;
    std::uint64_t (*ticks_)() = nullptr;
    std::uint64_t longestTicks_ = 0;
    std::uint32_t faults_ = 0;
    std::uint32_t featureFaultsInARow_ = 0;
    std::uint32_t decideFaultsInARow_ = 0;
    wire::CodeEnd lastFault_ = wire::CodeEnd::returned;
};

// The one that the firmware works with.
[[nodiscard]] CodeRunner& commonCodeRunner();

}  // namespace tinsmith::app
