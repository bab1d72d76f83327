#pragma once

#include <string_view>

namespace tinsmith {

inline constexpr int kApiVersion = 1;  // the MQTT contract's major version

// The program's version, from CMake.
std::string_view programVersion();

}  // namespace tinsmith
