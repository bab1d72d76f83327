// Figures in the sentences that people read.
#pragma once

#include <cstdint>
#include <string>

namespace tinsmith {

// "97.4 %"
inline std::string percent(double share) {
    const auto tenths = static_cast<int>(share * 1000 + 0.5);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

// "104.5 KB", KB = 1000 bytes
inline std::string kilobytes(std::uint64_t bytes) {
    return std::to_string(bytes / 1000) + "." + std::to_string(bytes % 1000 / 100) + " KB";
}

}  // namespace tinsmith
