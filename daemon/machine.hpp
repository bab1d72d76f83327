// What kind of machine this is: trained weights are the same to the last bit on machines of one
// kind.
#pragma once

#include <string>

namespace tinsmith::daemon {

// Architecture, the processor's name from /proc/cpuinfo, and the program's version.
std::string machineType();

}  // namespace tinsmith::daemon
