// `tinsmith`: asks the daemon over MQTT, watches jobs, makes keys, looks at the gateway's health.
// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nobody answers.
#include <unistd.h>

#include <exception>

#include "daemon/ctl/doctor.hpp"
#include "daemon/ctl/options.hpp"
#include "daemon/ctl/print.hpp"
#include "daemon/ctl/watch.hpp"

namespace tinsmith::ctl {
namespace {

// The daemon's settings where they were named or can be read; `problem` says why not.
std::optional<daemon::DaemonSettings> findSettings(const CommandLine& line, std::string& problem) {
    const std::string file = line.config.empty() ? daemon::kSettingsFile : line.config;
    if (line.config.empty() && ::access(file.c_str(), R_OK) != 0) {
        problem = file + " cannot be read";
        return std::nullopt;
    }
    auto settings = daemon::loadSettings(file);
    if (!settings) {
        problem = settings.error().message;
        return std::nullopt;
    }
    return std::move(*settings);
}

int act(const CommandLine& line) {
    if (line.what == CommandLine::What::key) return makeKey(line.keyFile, line.json);
    std::string problem;
    const auto settings = findSettings(line, problem);
    if (!settings && !line.config.empty() && line.what != CommandLine::What::doctor) {
        complain({Code::schema, problem, "mend the file, or leave --config out", ""});
        return kUsage;
    }
    const auto options = clientOptions(line, settings);
    if (!options) {
        complain(options.error());
        return kUsage;
    }
    if (line.what == CommandLine::What::doctor)
        return doctor(*options, settings, problem, line.json);
    Client client(*options);
    if (auto connected = client.connect(); !connected) {
        complain(connected.error());
        return kUnreachable;
    }
    if (line.what == CommandLine::What::watch) return watch(client, line.job, line.json);
    return ask(client, line.asking);
}

}  // namespace
}  // namespace tinsmith::ctl

int main(int argc, char** argv) {
    using namespace tinsmith::ctl;
    try {
        const auto parsed = parseCommandLine(argc, argv);
        return parsed.line ? act(*parsed.line) : parsed.exitCode;
    } catch (const std::exception& e) {
        // A reply in another form than the contract's, say.
        complain(
            {tinsmith::Code::internal, e.what(), "does the daemon have the same version?", ""});
        return kFailed;
    }
}
