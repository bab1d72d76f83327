// Looks at everything that Tinsmith needs around it and says what to do where something is missing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/ctl/client.hpp"
#include "daemon/settings.hpp"

namespace tinsmith::ctl {

enum class Verdict { ok, warn, fail };

struct Finding {
    std::string subject;  // "broker", "toolchain", …
    Verdict verdict = Verdict::ok;
    std::string text;
    std::string remedy;  // empty when it is ok
};

// Parts of the examination; none of them changes anything.
std::vector<Finding> examineBroker(const ClientOptions& options);
std::vector<Finding> examineTools(const daemon::DaemonSettings& settings);
std::vector<Finding> examinePlanner(const daemon::DaemonSettings& settings);
std::vector<Finding> examineDisk(const daemon::DaemonSettings& settings);
std::vector<Finding> examineClock();
std::vector<Finding> examineKey(const daemon::DaemonSettings& settings);

// All of it, printed line by line as it is found. Without settings (another machine than the
// gateway) only the broker and the clock are looked at. Exit code: 0, or 1 when something failed.
int doctor(const ClientOptions& options, const std::optional<daemon::DaemonSettings>& settings,
           const std::string& settingsProblem, bool json);

}  // namespace tinsmith::ctl
