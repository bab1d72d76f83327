#pragma once

#include <chrono>
#include <cstdint>

namespace tinsmith::ctl {

// For waiting: never steps back.
inline std::int64_t nowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace tinsmith::ctl
