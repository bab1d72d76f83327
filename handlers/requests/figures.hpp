// Figures in the sentences that people read.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace tinsmith {

// "97.4 %"
inline std::string percent(double share) {
    const long tenths = std::lround(share * 1000);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

// "104.5 KB", KB = 1000 bytes
inline std::string kilobytes(std::uint64_t bytes) {
    return std::to_string(bytes / 1000) + "." + std::to_string(bytes % 1000 / 100) + " KB";
}

// "30.25 ms"
inline std::string milliseconds(double ms) {
    char text[48];
    std::snprintf(text, sizeof text, "%.2f ms", ms);
    return text;
}

}  // namespace tinsmith
