// The daemon's settings from TOML. config/tinsmithd.toml documents every key; its values are the
// defaults in here.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/broker.hpp"
#include "daemon/llm/options.hpp"
#include "daemon/log.hpp"
#include "handlers/flow/settings.hpp"

namespace tinsmith::daemon {

struct DaemonSettings {
    Settings house;
    BrokerOptions broker;  // without will, subscriptions and password
    std::filesystem::path
        brokerPasswordFile;       // empty = the credential broker-password, where there is one
    std::vector<LlmOptions> llm;  // in the order in which they are asked; without keys
    std::filesystem::path
        signingKey;  // "auto" = the credential signing-key, else <state>/signing.key
    std::filesystem::path signingPublicKey;  // "auto" = beside the key, with .pub
    std::filesystem::path bubblewrap = "/usr/bin/bwrap";
    Level logLevel = Level::info;
};

// Where the installation puts them.
inline constexpr const char* kSettingsFile = TINSMITH_SETTINGS_FILE;

// Reads and checks `file`. Fails with `schema` on an unknown key, a wrong type or a bad value; the
// message begins with file:line. Relative paths are taken from the file's folder; "auto" ones are
// resolved.
[[nodiscard]] Result<DaemonSettings> loadSettings(const std::filesystem::path& file);

// All keys in dotted form with their current values as text, for `--check` and the test of the
// shipped file. Askers are left out.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> listSettings(
    const DaemonSettings& settings);

// The same with its key, where it has one.
[[nodiscard]] Result<LlmOptions> withKey(LlmOptions model);

// A secret from a file, a credential of the service manager or an environment variable, the first
// that is there; without line end. Empty when there is none. Fails where a named file cannot be
// read.
[[nodiscard]] Result<std::string> readSecret(const std::filesystem::path& file,
                                             const std::string& credential,
                                             const std::string& variable);

}  // namespace tinsmith::daemon
