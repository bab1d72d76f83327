// The desk's view of the gateway: what …/health shows, and when old things go.
#include <fstream>

#include <unistd.h>

#include "handlers/api/version.hpp"
#include "handlers/requests/desk.hpp"

namespace tinsmith {

namespace {

constexpr std::int64_t kTidyEveryMs = 3'600'000;
constexpr std::int64_t kHealthEveryMs = 60'000;

// Resident memory in bytes, from /proc/self/statm (proc(5)); 0 where there is none.
std::uint64_t residentBytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    statm >> size >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Json Desk::planner() const {
    Json planner = {{"configured", world_.llm.configured()}};
    if (world_.llm.configured()) planner["model"] = world_.llm.model();
    if (!plannerError_.empty()) planner["last_error"] = plannerError_;
    Json providers = Json::array();
    for (const LlmHealth& each : world_.llm.health()) {
        Json one = {{"name", each.name},          {"kind", each.kind},
                    {"model", each.model},        {"state", each.state},
                    {"since", each.sinceMs},      {"calls_today", each.calls},
                    {"tokens_today", each.tokens}};
        if (!each.lastError.empty()) one["last_error"] = each.lastError;
        if (each.spent) one["spent"] = true;
        providers.push_back(std::move(one));
    }
    if (!providers.empty()) planner["providers"] = std::move(providers);
    return planner;
}

Json Desk::warnings(const Space& space) const {
    Json list = Json::array();
    const auto warn = [&](const char* code, const std::string& text, const char* hint) {
        list.push_back({{"code", code}, {"text", text}, {"hint", hint}});
    };
    const Quotas& quotas = world_.settings.quotas;
    if (space.free < quotas.reserveBytes) {
        warn("disk", "the disk has less free space than the reserve",
             "free some space, or new work is refused");
    }
    if (space.used > quotas.totalBytes / 10 * 9) {
        warn("quota", "the state folder is at 90 % of its quota or more",
             "drop datasets, or raise quotas.total_bytes");
    }
    if (world_.signer.publicKeys().empty()) {
        warn("no_key", "there is no signing key: nothing can be built for devices",
             "make one with `tinsmith key new` and name it in the settings");
    }
    if (!plannerError_.empty()) {
        warn("planner", "the language model failed: " + plannerError_,
             "see `tinsmith doctor`; the built-in search does its work meanwhile");
    }
    for (const LlmHealth& each : world_.llm.health()) {
        if (each.state == "open") {
            warn("planner",
                 "the language model " + each.name +
                     " is not asked after failures: " + each.lastError,
                 "see `tinsmith doctor`; the next one of [[llm]], or the search, works meanwhile");
        } else if (each.spent) {
            warn("planner", "the language model " + each.name + " has used up this day",
                 "raise calls_per_day or tokens_per_day, or wait for the next day (UTC)");
        }
    }
    if (counters_.retained > 0) {
        warn("retained", "retained requests were published and not run",
             "publish requests without the retain flag and clear those topics");
    }
    if (!world_.broker.connected()) {
        warn("broker", "the broker is away", "see the broker's log");
    }
    if (!tidyError_.message.empty()) {
        warn("tidy", "old records could not be removed: " + tidyError_.message, "see the disk");
    }
    return list;
}

Json Desk::health() const {
    const Space space = keeper_.space();
    Json queue = {{"unfinished", jobs_.unfinished()}};
    if (!jobs_.heavyJob().empty()) queue["heavy"] = jobs_.heavyJob();
    // Megabytes, so that what is published changes only when something did.
    return {{"version", programVersion()},
            {"boot", boot_},
            {"since", since_},
            {"queue", queue},
            {"disk", {{"free_mb", space.free / 1'000'000}, {"used_mb", space.used / 1'000'000}}},
            {"rss_mb", residentBytes() / 1'000'000},
            {"planner", planner()},
            {"requests",
             {{"received", counters_.requests},
              {"accepted", counters_.accepted},
              {"repeated", counters_.repeated},
              {"retained", counters_.retained},
              {"replies", counters_.replies},
              {"errors", counters_.errors}}},
            {"device_messages", counters_.deviceMessages},
            {"stray_messages", counters_.strays},
            {"fleet", fleet_.health()},
            {"warnings", warnings(space)}};
}

void Desk::publishHealth() {
    healthAt_ = world_.clock.steadyMs();
    std::string text = canonical(health());
    if (text == healthText_) return;
    healthText_ = text;
    world_.broker.publish({topics_.health(), std::move(text), true});
}

void Desk::jobEnded(const std::string& id, const Json&) {
    // Tidied later: this is called from within the job.
    jobHasEnded_ = true;
    const auto events = world_.journal.list("event", id + "/");
    if (!events) return;
    for (const Record& event : *events) {
        const std::string kind = event.value.value("kind", "");
        if (kind == "plan") plannerError_.clear();  // it answers again
        if (kind != "planner") continue;
        const Error error = errorFromJson(event.value.value("facts", Json::object()));
        if (error.code != Code::budget_spent) plannerError_ = event.value.value("text", "");
    }
}

void Desk::tick() {
    const std::int64_t now = world_.clock.steadyMs();
    if (jobHasEnded_ || now - tidiedAt_ >= kTidyEveryMs) {
        jobHasEnded_ = false;
        tidiedAt_ = now;
        const Status tidied = keeper_.tidy();
        tidyError_ = tidied ? Error{} : tidied.error();
    }
    if (now - healthAt_ >= kHealthEveryMs) publishHealth();
}

}  // namespace tinsmith
