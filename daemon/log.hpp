// Log lines: structured fields in the journal of systemd where stderr is connected to it, plain
// stderr otherwise.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tinsmith::daemon {

enum class Level { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };  // syslog's numbers

// "error", "warning", "notice", "info", "debug".
[[nodiscard]] std::optional<Level> levelFromName(std::string_view name);

struct LogField {
    std::string_view name;  // journal field, like TINSMITH_JOB
    std::string value;
};

// Message ids of systemd/tinsmith.catalog.
inline constexpr std::string_view kIdReady = "4bb8a3e1c04f4d9c9c54d0b1f3a1e701";
inline constexpr std::string_view kIdBrokerLost = "4bb8a3e1c04f4d9c9c54d0b1f3a1e702";
inline constexpr std::string_view kIdBrokerBack = "4bb8a3e1c04f4d9c9c54d0b1f3a1e703";
inline constexpr std::string_view kIdJob = "4bb8a3e1c04f4d9c9c54d0b1f3a1e704";
inline constexpr std::string_view kIdStopping = "4bb8a3e1c04f4d9c9c54d0b1f3a1e705";

void setLogLevel(Level level);
void log(Level level, const std::string& text, std::initializer_list<LogField> fields = {});

}  // namespace tinsmith::daemon
