// What a compiler made of generated code: an object file and its call graph. Both are foreign
// bytes: the compiler ran on hostile text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/code/source.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::code {

inline constexpr std::size_t kMaxObjectBytes = 512u << 10;
inline constexpr std::size_t kMaxCodeBytes = 16u << 10;  // instructions and constants
// Of the code itself; the board gives 2048, of which some are for what it calls and an interrupt.
inline constexpr std::uint32_t kMaxStackBytes = 1500;

struct Object {
    std::uint64_t codeBytes = 0;
    std::vector<std::string> calls;  // functions from outside, sorted
};

// A relocatable ELF file, 32 or 64 bits, little endian. It may define the kind's function alone,
// use the header's functions and what a compiler puts for arithmetic and copying, and have neither
// writable data nor anything that runs by itself. Else build_failed, which says what to change.
[[nodiscard]] Result<Object> inspectObject(Kind kind, std::span<const std::uint8_t> elf);

// GCC's -fcallgraph-info=su: the deepest stack of the function in bytes. build_failed for
// recursion, calls through pointers, frames of unknown size and too much stack.
[[nodiscard]] Result<std::uint32_t> inspectCalls(Kind kind, std::string_view graph);

}  // namespace tinsmith::code
