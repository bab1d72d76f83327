// Runs another program to see whether it is there and works.
#pragma once

#include <string>
#include <vector>

namespace tinsmith::ctl {

struct Ran {
    bool started = false;
    int code = -1;       // exit status, 128 + signal, or -1 when it was too slow and killed
    std::string output;  // stdout and stderr, the first 64 KB
};

// argv[0] is looked up in PATH. Waits at most `timeoutMs`, then kills it.
Ran run(const std::vector<std::string>& argv, int timeoutMs);

}  // namespace tinsmith::ctl
