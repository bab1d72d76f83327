#include "handlers/requests/housekeeping.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "handlers/api/topics.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kMeasureEveryMs = 10'000;

bool hasEnded(const Json& job) {
    const std::string state = job.value("state", "");
    return state != "queued" && state != "running";
}

std::int64_t updatedAt(const Json& record) {
    return record.value("updated", std::int64_t{0});
}

// Every text of 64 hex digits anywhere in a record may name an artefact: keeping one too many costs
// some space, one too few a model.
void collectDigests(const Json& json, std::set<std::string>& digests) {
    if (json.is_string()) {
        const auto& text = json.get_ref<const std::string&>();
        const bool hex =
            text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
        if (hex) digests.insert(text);
        return;
    }
    if (!json.is_structured()) return;
    for (const Json& child : json) collectDigests(child, digests);
}

std::uint64_t bytesBelow(const fs::path& folder) {
    std::uint64_t total = 0;
    std::error_code error;
    const auto options = fs::directory_options::skip_permission_denied;
    for (auto it = fs::recursive_directory_iterator(folder, options, error);
         !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
        std::error_code gone;  // a child may remove its files meanwhile
        if (it->is_regular_file(gone)) {
            const auto bytes = it->file_size(gone);
            if (!gone) total += bytes;
        }
    }
    return total;
}

// Oldest first by `updated` or, for versions, `created`.
void sortByAge(std::vector<Record>& records, const char* key) {
    std::ranges::sort(records, {}, [&](const Record& record) {
        return std::pair(record.value.value(key, std::int64_t{0}), record.key);
    });
}

}  // namespace

Status Housekeeping::tidy() {
    if (auto done = dropOldJobs(); !done) return done;
    if (auto done = dropOldVersions(); !done) return done;
    sweepScratch();
    return sweepArtefacts();
}

Status Housekeeping::dropStepsOf(const std::string& job) {
    std::vector<Write> writes;
    for (const char* kind : {"step", "event"}) {
        const auto records = world_.journal.list(kind, job + "/");
        if (!records) return std::unexpected(records.error());
        for (const Record& record : *records) writes.push_back({kind, record.key, std::nullopt});
    }
    return writes.empty() ? Status() : world_.journal.commit(writes);
}

Status Housekeeping::dropOldJobs() {
    const std::int64_t before = world_.clock.unixMs() - world_.settings.retention.jobDays * kDayMs;
    const Topics topics(world_.settings.root);
    const auto jobs = world_.journal.list("job");
    if (!jobs) return std::unexpected(jobs.error());
    std::set<std::string> gone;
    for (const Record& job : *jobs) {
        if (!hasEnded(job.value) || updatedAt(job.value) >= before) continue;
        if (auto dropped = dropStepsOf(job.key); !dropped) return dropped;
        const std::vector<Write> writes = {{"job", job.key, std::nullopt},
                                           {"approval", job.key, std::nullopt}};
        if (auto dropped = world_.journal.commit(writes); !dropped) return dropped;
        world_.broker.publish({topics.job(job.key), "", true});
        gone.insert(job.key);
    }
    if (!gone.empty()) {
        const auto rollouts = world_.journal.list("rollout");
        if (!rollouts) return std::unexpected(rollouts.error());
        for (const Record& rollout : *rollouts) {
            if (!gone.contains(rollout.value.value("job", ""))) continue;
            if (auto dropped = world_.journal.commit({{"rollout", rollout.key, std::nullopt}});
                !dropped) {
                return dropped;
            }
            world_.broker.publish({topics.rollout(rollout.key), "", true});
        }
    }
    return dropOldRequests(before);
}

// A request's record lives as long as its job, so that an id that is sent again after years still
// finds neither or both.
Status Housekeeping::dropOldRequests(std::int64_t before) {
    const auto requests = world_.journal.list("request");
    if (!requests) return std::unexpected(requests.error());
    std::vector<Write> writes;
    for (const Record& request : *requests) {
        if (request.value.value("received", std::int64_t{0}) >= before) continue;
        const std::string job = request.value.value("job", "");
        if (!job.empty()) {
            const auto record = world_.journal.get("job", job);
            if (!record) return std::unexpected(record.error());
            if (*record) continue;
        }
        writes.push_back({"request", request.key, std::nullopt});
    }
    return writes.empty() ? Status() : world_.journal.commit(writes);
}

Result<std::set<std::string>> Housekeeping::versionsInUse() {
    std::set<std::string> keys;
    const auto add = [&](const Json& record) {
        const Json version = record.value("version", Json());
        if (version.is_number_integer())
            keys.insert(versionKey(record.value("model", ""), version.get<int>()));
    };
    const auto groups = world_.journal.list("group");
    if (!groups) return std::unexpected(groups.error());
    for (const Record& group : *groups) add(group.value);
    const auto rollouts = world_.journal.list("rollout");
    if (!rollouts) return std::unexpected(rollouts.error());
    for (const Record& rollout : *rollouts) {
        if (rollout.value.value("state", "") == "running") add(rollout.value);
    }
    const auto models = world_.journal.list("model");
    if (!models) return std::unexpected(models.error());
    for (const Record& model : *models) {
        const Json current = model.value.value("current", Json());
        if (current.is_number_integer()) keys.insert(versionKey(model.key, current.get<int>()));
    }
    const auto jobs = world_.journal.list("job");
    if (!jobs) return std::unexpected(jobs.error());
    for (const Record& job : *jobs) {
        if (hasEnded(job.value)) continue;
        const std::string model = job.value.value("request", Json::object()).value("model", "");
        if (model.empty()) continue;
        const auto versions = world_.journal.list("version", model + "/");
        if (!versions) return std::unexpected(versions.error());
        for (const Record& version : *versions) keys.insert(version.key);
    }
    return keys;
}

Status Housekeeping::dropOldVersions() {
    const auto inUse = versionsInUse();
    if (!inUse) return std::unexpected(inUse.error());
    const auto models = world_.journal.list("model");
    if (!models) return std::unexpected(models.error());
    const auto kept = static_cast<std::size_t>(std::max(1, world_.settings.retention.versions));
    std::vector<Write> writes;
    for (const Record& model : *models) {
        const auto versions = world_.journal.list("version", model.key + "/");
        if (!versions) return std::unexpected(versions.error());
        for (std::size_t i = 0; i + kept < versions->size(); ++i) {
            const std::string& key = (*versions)[i].key;
            if (!inUse->contains(key)) writes.push_back({"version", key, std::nullopt});
        }
    }
    return writes.empty() ? Status() : world_.journal.commit(writes);
}

void Housekeeping::sweepScratch() {
    std::error_code error;
    std::vector<fs::path> ended;
    for (const auto& entry : fs::directory_iterator(world_.settings.stateDir / "jobs", error)) {
        const auto record = world_.journal.get("job", entry.path().filename().string());
        if (record && (!*record || hasEnded(**record))) ended.push_back(entry.path());
    }
    for (const fs::path& folder : ended) fs::remove_all(folder, error);
}

Status Housekeeping::sweepArtefacts() {
    if (jobs_.unfinished() > 0) return {};
    std::set<std::string> keep;
    for (const char* kind : {"dataset", "model", "version", "rollout", "device", "group"}) {
        const auto records = world_.journal.list(kind);
        if (!records) return std::unexpected(records.error());
        for (const Record& record : *records) collectDigests(record.value, keep);
    }
    const auto jobs = world_.journal.list("job");
    if (!jobs) return std::unexpected(jobs.error());
    for (const Record& job : *jobs) {
        collectDigests(job.value, keep);
        for (const char* kind : {"step", "event"}) {
            const auto records = world_.journal.list(kind, job.key + "/");
            if (!records) return std::unexpected(records.error());
            for (const Record& record : *records) collectDigests(record.value, keep);
        }
    }
    world_.artefacts.sweep(keep);
    measuredAt_ = -1;
    return {};
}

Space Housekeeping::space() {
    const std::int64_t now = world_.clock.steadyMs();
    if (measuredAt_ >= 0 && now - measuredAt_ < kMeasureEveryMs) return space_;
    measuredAt_ = now;
    std::error_code error;
    const auto disk = fs::space(world_.settings.stateDir, error);
    space_.free = error ? 0 : disk.available;
    space_.used = bytesBelow(world_.settings.stateDir);
    return space_;
}

bool Housekeeping::isFull() {
    const Space now = space();
    const Quotas& quotas = world_.settings.quotas;
    return now.free < quotas.reserveBytes || now.used > quotas.totalBytes;
}

// The steps and events of the ended job that ended longest ago and still has any; its record and
// result stay.
Result<bool> Housekeeping::dropExpendableSteps() {
    auto jobs = world_.journal.list("job");
    if (!jobs) return std::unexpected(jobs.error());
    sortByAge(*jobs, "updated");
    for (const Record& job : *jobs) {
        if (!hasEnded(job.value)) continue;
        const auto steps = world_.journal.list("step", job.key + "/", 1);
        if (!steps) return std::unexpected(steps.error());
        if (steps->empty()) continue;
        if (auto dropped = dropStepsOf(job.key); !dropped) return std::unexpected(dropped.error());
        return true;
    }
    return false;
}

Result<bool> Housekeeping::dropExpendableVersion() {
    const auto inUse = versionsInUse();
    if (!inUse) return std::unexpected(inUse.error());
    auto versions = world_.journal.list("version");
    if (!versions) return std::unexpected(versions.error());
    sortByAge(*versions, "created");
    for (const Record& version : *versions) {
        if (version.value.value("released", false) || inUse->contains(version.key)) continue;
        const auto model = world_.journal.get("model", version.value.value("model", ""));
        if (!model) return std::unexpected(model.error());
        const bool latest =
            *model && (**model).value("latest", 0) == version.value.value("version", 0);
        if (latest) continue;
        if (auto dropped = world_.journal.commit({{"version", version.key, std::nullopt}});
            !dropped) {
            return std::unexpected(dropped.error());
        }
        return true;
    }
    return false;
}

Status Housekeeping::room() {
    if (!isFull()) return {};
    sweepScratch();
    measuredAt_ = -1;
    while (isFull()) {
        auto dropped = dropExpendableSteps();
        if (dropped && !*dropped) dropped = dropExpendableVersion();
        if (!dropped) return std::unexpected(dropped.error());
        if (auto swept = sweepArtefacts(); !swept) return swept;
        measuredAt_ = -1;
        if (!*dropped) break;
    }
    if (!isFull()) return {};
    const Space now = space();
    const Quotas& quotas = world_.settings.quotas;
    if (now.free < quotas.reserveBytes) {
        return fail(Code::storage_full,
                    "the disk has " + std::to_string(now.free / 1'000'000) +
                        " MB left, less than the reserve",
                    "free some space, or lower quotas.reserve_bytes");
    }
    return fail(Code::storage_full,
                "the state folder holds " + std::to_string(now.used / 1'000'000) +
                    " MB, more than its quota",
                "drop datasets that nobody needs, or raise quotas.total_bytes");
}

}  // namespace tinsmith
