#include "daemon/log.hpp"

#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace tinsmith::daemon {

namespace {

Level threshold = Level::info;

constexpr std::array<std::pair<std::string_view, Level>, 5> kNames = {{{"error", Level::error},
                                                                       {"warning", Level::warning},
                                                                       {"notice", Level::notice},
                                                                       {"info", Level::info},
                                                                       {"debug", Level::debug}}};

// $JOURNAL_STREAM is inherited by children whose stderr went elsewhere, so device and inode are
// compared (systemd.exec(5)).
bool stderrIsJournal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status{};
    unsigned long long device = 0;
    unsigned long long inode = 0;
    return stream && std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void toJournal(Level level, const std::string& text, std::initializer_list<LogField> fields) {
    std::vector<std::string> lines = {"MESSAGE=" + text,
                                      "PRIORITY=" + std::to_string(static_cast<int>(level)),
                                      "SYSLOG_IDENTIFIER=tinsmithd"};
    for (const auto& field : fields) lines.push_back(std::string(field.name) + "=" + field.value);
    std::vector<iovec> parts;
    for (auto& line : lines) parts.push_back({line.data(), line.size()});
    sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

// One line an entry: control characters from outside must not forge further lines or drive the
// terminal.
std::string printable(const std::string& text) {
    std::string line = text;
    for (char& c : line) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    return line;
}

}  // namespace

std::optional<Level> levelFromName(std::string_view name) {
    for (const auto& [known, level] : kNames) {
        if (known == name) return level;
    }
    return std::nullopt;
}

void setLogLevel(Level level) {
    threshold = level;
}

void log(Level level, const std::string& text, std::initializer_list<LogField> fields) {
    static const bool journal = stderrIsJournal();
    if (level > threshold) return;
    if (journal) {
        toJournal(level, text, fields);
        return;
    }
    std::string line(kNames[static_cast<std::size_t>(level) - 3].first);
    line += ": " + printable(text);
    for (const auto& field : fields) {
        if (field.name != "MESSAGE_ID")
            line += " " + std::string(field.name) + "=" + printable(field.value);
    }
    line += "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace tinsmith::daemon
