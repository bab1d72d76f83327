#include "daemon/machine.hpp"

#include <sys/utsname.h>

#include <fstream>

#include "handlers/api/version.hpp"

namespace tinsmith::daemon {

std::string machineType() {
    utsname names{};
    std::string type = ::uname(&names) == 0 ? names.machine : "unknown";
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        // "model name" on x86, "CPU part" where Arm's cores are told by number.
        if (!line.starts_with("model name") && !line.starts_with("CPU part")) continue;
        const std::size_t colon = line.find(": ");
        if (colon != std::string::npos) type += ", " + line.substr(colon + 2);
        break;
    }
    return type + ", " + std::string(programVersion());
}

}  // namespace tinsmith::daemon
