// What passes between the gateway and the program that runs generated code there. The program reads
// a RunHeader and its items from standard input and writes what came of each to standard output, at
// the end kRunEnd. Shared with run_main.cpp, which has no library.
#pragma once

#include <cstdint>

namespace tinsmith::code {

// The files in the child's folder that its cage makes standard input and output.
inline constexpr const char* kRunInputFile = "code-input";
inline constexpr const char* kRunOutputFile = "code-output";

inline constexpr std::uint32_t kRunMagic = 0x52435354;  // "TSCR"
inline constexpr std::uint32_t kRunEnd = 0x45435354;    // "TSCE"
inline constexpr std::uint32_t kRunMaxInput = 65536;    // floats of an item
inline constexpr std::uint32_t kRunMaxOutputs = 256;
inline constexpr std::uint32_t kRunMemory = 32;
// What an output holds before the code writes it, on both sides: not a number.
inline constexpr std::uint32_t kRunUnwritten = 0x7fc00000;

// A feature item is length * channels floats and yields `outputs` floats. A decision item is an
// uint32, 1 where the memory begins anew, and `channels` scores (length is 1); it yields an int32.
struct RunHeader {
    std::uint32_t magic = kRunMagic;
    std::uint32_t decision = 0;
    std::uint32_t items = 0;
    std::uint32_t length = 0;
    std::uint32_t channels = 0;
    std::uint32_t outputs = 0;
};
static_assert(sizeof(RunHeader) == 24);

}  // namespace tinsmith::code
