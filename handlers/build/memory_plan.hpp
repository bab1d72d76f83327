// Where each activation of a network lies in one static arena: tensors that are never alive
// together share bytes, and an output may overwrite the part of its input that is read already.
#pragma once

#include <cstdint>
#include <vector>

namespace tinsmith::build {

// Alive while operators first..last run (both included).
struct Lifetime {
    std::int64_t bytes = 0;
    std::int32_t first = 0, last = 0;
};

// `output` may overlap `input`, which nobody reads later, if it begins at most `from` bytes after
// the input's begin (in general less than none: before it), and a multiple of `step` bytes from it.
struct Overlap {
    std::size_t input = 0, output = 0;  // indices of lifetimes
    std::int64_t from = 0;
    std::int64_t step = 1;
};

struct MemoryPlan {
    std::vector<std::int64_t> offsets;  // one a lifetime, multiples of kArenaAlignment
    std::int64_t bytes = 0;
};

inline constexpr std::int64_t kArenaAlignment = 8;

// The best of first fits in many orders: by size, by time, and shuffled ones. The same for the same
// input.
MemoryPlan planMemory(const std::vector<Lifetime>& lifetimes,
                      const std::vector<Overlap>& overlaps = {});

}  // namespace tinsmith::build
