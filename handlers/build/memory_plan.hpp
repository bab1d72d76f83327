// Where each activation of a network lies in one static arena: tensors that are never alive
// together share bytes.
#pragma once

#include <cstdint>
#include <vector>

namespace tinsmith::build {

// Alive while operators first..last run (both included).
struct Lifetime {
    std::int64_t bytes = 0;
    std::int32_t first = 0, last = 0;
};

struct MemoryPlan {
    std::vector<std::int64_t> offsets;  // one a lifetime, multiples of kArenaAlignment
    std::int64_t bytes = 0;
};

inline constexpr std::int64_t kArenaAlignment = 8;

// First fit, largest first: near the least possible for chains of layers, and the same for the same
// input.
MemoryPlan planMemory(const std::vector<Lifetime>& lifetimes);

}  // namespace tinsmith::build
