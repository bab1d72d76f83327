#include "daemon/service.hpp"

#include <systemd/sd-daemon.h>

#include "daemon/log.hpp"

namespace tinsmith::daemon {

namespace {

// One line: a line end would begin another variable.
std::string oneLine(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
    return text;
}

}  // namespace

void notifyReady(const std::string& status) {
    sd_notify(0, ("READY=1\nSTATUS=" + oneLine(status)).c_str());
}

void notifyStatus(const std::string& status) {
    sd_notify(0, ("STATUS=" + oneLine(status)).c_str());
}

void notifyStopping() {
    sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

void logJobStory(const std::string& root, const Publication& publication) {
    const std::string prefix = root + "/job/";
    if (publication.retain || !publication.topic.starts_with(prefix) ||
        !publication.topic.ends_with("/log"))
        return;
    const std::string job =
        publication.topic.substr(prefix.size(), publication.topic.size() - prefix.size() - 4);
    const Json line = Json::parse(publication.payload, nullptr, false);
    if (!line.is_object()) return;
    const std::string kind = line.value("kind", "");
    const std::string step = line.value("step", "");
    log(kind == "warning" ? Level::warning : Level::info, job + ": " + line.value("text", kind),
        {{"MESSAGE_ID", std::string(kIdJob)},
         {"TINSMITH_JOB", job},
         {"TINSMITH_STEP", step},
         {"TINSMITH_EVENT", kind}});
}

}  // namespace tinsmith::daemon
