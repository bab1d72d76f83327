// The command line of `tinsmith`: what is asked of it, and of which daemon.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/client.hpp"
#include "daemon/ctl/commands.hpp"
#include "daemon/settings.hpp"

namespace tinsmith::ctl {

struct CommandLine {
    enum class What { ask, watch, key, doctor };
    What what = What::ask;
    Asking asking;
    std::string job;      // watch
    std::string keyFile;  // key new
    bool json = false;
    // What was given; the rest comes from --config's file and then from defaults.
    std::string broker;
    std::string user;
    std::string passwordFile;
    std::string root;
    std::string config;
    int timeoutS = 30;
};

// An exit code instead of a command line: help was printed (0) or usage was wrong (2).
struct Parsed {
    std::optional<CommandLine> line;
    int exitCode = 0;
};
Parsed parseCommandLine(int argc, const char* const* argv);

// Errors: schema (broker), bad_path (password file).
[[nodiscard]] Result<ClientOptions> clientOptions(
    const CommandLine& line, const std::optional<daemon::DaemonSettings>& settings);

}  // namespace tinsmith::ctl
