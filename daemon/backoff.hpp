#pragma once

#include <cstdint>

namespace tinsmith::daemon {

// Half to one and a half of `ms`, at random: many clients must not come back in the same moment.
[[nodiscard]] std::int64_t jittered(std::int64_t ms);

}  // namespace tinsmith::daemon
