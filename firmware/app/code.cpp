#include "firmware/app/code.hpp"

#include <algorithm>
#include <bit>

#include "firmware/dsp/numeric.hpp"

namespace tinsmith::app {
namespace {

// What an output is before the code writes it: not a number, so that one left out is seen.
constexpr std::uint32_t kUnwritten = 0x7fc00000;

bool finite(float value) {
    return (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) != 0x7f800000u;
}

// The eighths of a block of `bytes` that its first `used` bytes touch.
std::uint8_t eighthsOf(std::size_t used, std::size_t bytes) {
    const std::size_t eighth = bytes / 8;
    return static_cast<std::uint8_t>((1u << ((used + eighth - 1) / eighth)) - 1);
}

int highest(const std::int8_t* output, int classes) {
    return static_cast<int>(std::max_element(output, output + classes) - output);
}

}  // namespace

CodeRunner& commonCodeRunner() {
    static CodeRunner common;
    return common;
}

CodeAnswer CodeRunner::call(const CodeCall& call, std::uint32_t inARow) {
    if (guard_ == nullptr || inARow >= kCodeMaxFaults) return {wire::CodeEnd::off, 0};
    if (ticks_ == nullptr) return guard_(call);
    const std::uint64_t start = ticks_();
    const CodeAnswer answer = guard_(call);
    longestTicks_ = std::max(longestTicks_, ticks_() - start);
    return answer;
}

bool CodeRunner::book(wire::CodeEnd end, std::uint32_t& inARow) {
    if (end == wire::CodeEnd::off) return false;
    if (end == wire::CodeEnd::returned) {
        inARow = 0;
        return true;
    }
    ++faults_;
    ++inARow;
    lastFault_ = end;
    return false;
}

void CodeRunner::feature(const GeneratedCode& code, const float* window, int length, int channels,
                         float* out) {
    const std::size_t values =
        static_cast<std::size_t>(length) * static_cast<std::size_t>(channels);
    std::transform(window, window + values, code.input, dsp::clean);
    std::fill_n(code.area->outputs.begin(), code.outputs, std::bit_cast<float>(kUnwritten));
    CodeAnswer answer = call(
        {.entry = reinterpret_cast<std::uintptr_t>(code.feature),
         .arguments = {reinterpret_cast<std::uintptr_t>(code.input),
                       static_cast<std::uintptr_t>(length), static_cast<std::uintptr_t>(channels),
                       reinterpret_cast<std::uintptr_t>(&code.area->outputs)},
         .area = code.area,
         .writable = kCodeStackEighths | kCodeOutputEighths,
         .input = code.input,
         .inputBytes = code.inputBytes,
         .readable = eighthsOf(values * sizeof(float), code.inputBytes)},
        featureFaultsInARow_);
    const auto first = code.area->outputs.begin();
    if (answer.end == wire::CodeEnd::returned && !std::all_of(first, first + code.outputs, finite))
        answer.end = wire::CodeEnd::answer;
    if (book(answer.end, featureFaultsInARow_)) {
        std::copy_n(first, code.outputs, out);
    } else {
        std::fill_n(out, code.outputs, 0.0f);
    }
}

int CodeRunner::decide(const GeneratedCode& code, const std::int8_t* output, int classes) {
    for (int c = 0; c < classes; ++c) {
        code.area->scores[static_cast<std::size_t>(c)] =
            static_cast<float>(output[c] - code.scoreZero) * code.scoreScale;
    }
    CodeAnswer answer =
        call({.entry = reinterpret_cast<std::uintptr_t>(code.decide),
              .arguments = {reinterpret_cast<std::uintptr_t>(&code.area->scores),
                            static_cast<std::uintptr_t>(classes),
                            reinterpret_cast<std::uintptr_t>(&code.area->memory), 0},
              .area = code.area,
              .writable = kCodeStackEighths | kCodeMemoryEighths,
              .input = code.area,
              .inputBytes = sizeof(CodeArea),
              .readable = kCodeScoreEighths},
             decideFaultsInARow_);
    if (answer.end == wire::CodeEnd::returned && (answer.value < -1 || answer.value >= classes))
        answer.end = wire::CodeEnd::answer;
    if (book(answer.end, decideFaultsInARow_)) return answer.value;
    forget(code);
    return highest(output, classes);
}

void CodeRunner::forget(const GeneratedCode& code) {
    code.area->memory.fill(0.0f);
}

}  // namespace tinsmith::app
