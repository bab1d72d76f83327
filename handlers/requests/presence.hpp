// How often the daemon started, which tells one start's last will from another's.
#pragma once

#include <cstdint>

#include "handlers/flow/ports.hpp"

namespace tinsmith {

// Counts this start in the journal and returns its number, from 1. Call once a start, before the
// broker's will is made.
[[nodiscard]] Result<std::int64_t> countBoot(Journal& journal);

// The number of this start.
[[nodiscard]] Result<std::int64_t> currentBoot(Journal& journal);

}  // namespace tinsmith
