// How a cage is put together with bubblewrap; `tinsmith-cage` (cage_main.cpp) finishes it from the
// inside.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

struct CageOptions {
    std::filesystem::path bubblewrap = "/usr/bin/bwrap";
    std::filesystem::path helper;  // tinsmith-cage
    bool proc =
        true;  // mount a fresh /proc; not possible under ProtectKernelTunables= for ordinary users
    int uid = -1;     // run as this user: only where we are root, else -1
    int infoFd = -1;  // where bubblewrap tells the process id of the cage's first process
};

// The whole command line for `child`, whose argv[0] is replaced by `program` (absolute).
// The cage sees /usr, /lib*, /bin, /etc/alternatives, `child.readable` read-only, and may write to
// `child.folder` and /tmp.
[[nodiscard]] std::vector<std::string> cageCommand(const CageOptions& options, const Child& child,
                                                   const std::filesystem::path& program);

// An absolute path for a program name, looked up in `searchPath` (colon separated) unless it has a
// slash; empty if absent.
[[nodiscard]] std::filesystem::path findProgram(const std::string& name,
                                                const std::string& searchPath);

// Gives a job folder and what is in it to the cage's user. Files with other names elsewhere are
// left alone.
[[nodiscard]] Status giveFolder(const std::filesystem::path& folder, int uid);

}  // namespace tinsmith::daemon
