#include "handlers/rollout/rollout_record.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "handlers/rollout/read.hpp"

namespace tinsmith::rollout {

namespace {

constexpr std::array<std::string_view, 9> kMemberNames = {"waiting",   "offered", "downloading",
                                                          "verifying", "trial",   "confirmed",
                                                          "reverted",  "silent",  "refused"};
constexpr std::array<std::string_view, 5> kWaveNames = {"waiting", "running", "soaking", "passed",
                                                        "failed"};
constexpr std::array<std::string_view, 4> kRolloutNames = {"running", "succeeded", "aborted",
                                                           "cancelled"};

template <class Enum, std::size_t N>
Enum fromName(const std::array<std::string_view, N>& names, const std::string& text) {
    for (std::size_t i = 0; i < N; ++i) {
        if (names[i] == text) return static_cast<Enum>(i);
    }
    return static_cast<Enum>(0);
}

Json toJson(const Member& member) {
    return {{"state", name(member.state)},    {"reason", member.reason},
            {"percent", member.percent},      {"offers", member.offers},
            {"digest", member.digest},        {"sequence", member.sequence},
            {"boot_count", member.bootCount}, {"failure_before", member.failureBefore},
            {"trial_seen", member.trialSeen}, {"deadline", member.deadline},
            {"not_before", member.notBefore}};
}

Member memberFromJson(const Json& json) {
    Member member;
    member.state = fromName<MemberState>(kMemberNames, textOf(json, "state"));
    member.reason = textOf(json, "reason");
    member.percent = static_cast<int>(numberOf(json, "percent"));
    member.offers = static_cast<int>(numberOf(json, "offers"));
    member.digest = textOf(json, "digest");
    member.sequence = static_cast<std::uint64_t>(numberOf(json, "sequence"));
    member.bootCount = static_cast<std::uint32_t>(numberOf(json, "boot_count"));
    member.failureBefore = textOf(json, "failure_before");
    member.trialSeen = flagOf(json, "trial_seen");
    member.deadline = numberOf(json, "deadline");
    member.notBefore = numberOf(json, "not_before");
    return member;
}

Json toJson(const Wave& wave) {
    return {{"canary", wave.canary},
            {"devices", wave.devices},
            {"state", name(wave.state)},
            {"verdict", wave.verdict},
            {"soak_until", wave.soakUntil}};
}

Wave waveFromJson(const Json& json) {
    Wave wave;
    wave.canary = flagOf(json, "canary");
    wave.devices = textsOf(json, "devices");
    wave.state = fromName<WaveState>(kWaveNames, textOf(json, "state"));
    wave.verdict = textOf(json, "verdict");
    wave.soakUntil = numberOf(json, "soak_until");
    return wave;
}

double doneShare(const Member& member) {
    switch (member.state) {
        case MemberState::waiting:
            return 0;
        case MemberState::offered:
            return 0.02;
        case MemberState::downloading:
            return 0.05 + 0.65 * member.percent / 100.0;
        case MemberState::verifying:
            return 0.75;
        case MemberState::trial:
            return 0.9;
        default:
            return 1;
    }
}

}  // namespace

std::string_view name(MemberState state) {
    return kMemberNames[static_cast<std::size_t>(state)];
}
std::string_view name(WaveState state) {
    return kWaveNames[static_cast<std::size_t>(state)];
}
std::string_view name(RolloutState state) {
    return kRolloutNames[static_cast<std::size_t>(state)];
}

bool inProgress(MemberState state) {
    return state == MemberState::offered || state == MemberState::downloading ||
           state == MemberState::verifying || state == MemberState::trial;
}

bool isFailure(MemberState state) {
    return state == MemberState::reverted || state == MemberState::silent ||
           state == MemberState::refused;
}

bool isFinal(MemberState state) {
    return state == MemberState::confirmed || isFailure(state);
}

int RolloutRecord::failures() const {
    return static_cast<int>(std::count_if(members.begin(), members.end(), [](const auto& member) {
        return isFailure(member.second.state);
    }));
}

int RolloutRecord::percent() const {
    if (state != RolloutState::running || members.empty()) return 100;
    double done = 0;
    for (const auto& [id, member] : members) done += doneShare(member);
    return static_cast<int>(100 * done / static_cast<double>(members.size()));
}

Json RolloutRecord::counts() const {
    Json counts = Json::object();
    for (const auto& [id, member] : members) {
        const std::string key(name(member.state));
        counts[key] = counts.value(key, 0) + 1;
    }
    return counts;
}

Json toJson(const RolloutRecord& record) {
    Json waves = Json::array();
    for (const Wave& wave : record.waves) waves.push_back(toJson(wave));
    Json members = Json::object();
    for (const auto& [id, member] : record.members) members[id] = toJson(member);
    return {{"rollout", record.spec.id},
            {"job", record.spec.job},
            {"model", record.spec.model},
            {"version", record.spec.version},
            {"group", record.spec.group},
            {"canary", record.spec.canary},
            {"shares", record.spec.waves},
            {"soak_s", record.spec.soakS},
            {"deadline_s", record.spec.deadlineS},
            {"max_failures", record.spec.maxFailures},
            {"state", name(record.state)},
            {"abort_requested", record.abortRequested},
            {"reason", record.reason},
            {"started", record.started},
            {"updated", record.updated},
            {"finished", record.finished},
            {"waves", waves},
            {"devices", members}};
}

RolloutRecord recordFromJson(const Json& json) {
    RolloutRecord record;
    record.spec.id = textOf(json, "rollout");
    record.spec.job = textOf(json, "job");
    record.spec.model = textOf(json, "model");
    record.spec.version = static_cast<int>(numberOf(json, "version"));
    record.spec.group = textOf(json, "group");
    record.spec.canary = static_cast<int>(numberOf(json, "canary"));
    record.spec.soakS = numberOf(json, "soak_s");
    record.spec.deadlineS = numberOf(json, "deadline_s", 600);
    record.spec.maxFailures = static_cast<int>(numberOf(json, "max_failures"));
    record.state = fromName<RolloutState>(kRolloutNames, textOf(json, "state"));
    record.abortRequested = flagOf(json, "abort_requested");
    record.reason = textOf(json, "reason");
    record.started = numberOf(json, "started");
    record.updated = numberOf(json, "updated");
    record.finished = numberOf(json, "finished");
    record.spec.waves.clear();
    if (const auto it = json.find("shares"); it != json.end()) {
        for (const Json& share : *it) {
            if (share.is_number()) record.spec.waves.push_back(share.get<double>());
        }
    }
    if (const auto it = json.find("waves"); it != json.end()) {
        for (const Json& wave : *it) record.waves.push_back(waveFromJson(wave));
    }
    if (const auto it = json.find("devices"); it != json.end() && it->is_object()) {
        for (const auto& [id, member] : it->items()) record.members[id] = memberFromJson(member);
    }
    return record;
}

Json describe(const RolloutRecord& record) {
    Json waves = Json::array();
    for (const Wave& wave : record.waves) {
        int confirmed = 0;
        int failed = 0;
        for (const std::string& id : wave.devices) {
            const auto member = record.members.find(id);
            if (member == record.members.end()) continue;
            if (member->second.state == MemberState::confirmed) ++confirmed;
            if (isFailure(member->second.state)) ++failed;
        }
        waves.push_back({{"canary", wave.canary},
                         {"devices", wave.devices},
                         {"state", name(wave.state)},
                         {"confirmed", confirmed},
                         {"failed", failed},
                         {"verdict", wave.verdict}});
    }
    Json devices = Json::object();
    for (const auto& [id, member] : record.members) {
        Json entry = {{"state", name(member.state)}, {"offers", member.offers}};
        if (member.state == MemberState::downloading) entry["percent"] = member.percent;
        if (!member.reason.empty()) entry["reason"] = member.reason;
        devices[id] = entry;
    }
    Json json = {{"rollout", record.spec.id},
                 {"job", record.spec.job},
                 {"model", record.spec.model},
                 {"version", record.spec.version},
                 {"group", record.spec.group},
                 {"state", name(record.state)},
                 {"percent", record.percent()},
                 {"started", record.started},
                 {"updated", record.updated},
                 {"counts", record.counts()},
                 {"waves", waves},
                 {"devices", devices}};
    if (record.finished != 0) json["finished"] = record.finished;
    if (!record.reason.empty()) json["reason"] = record.reason;
    return json;
}

std::vector<Wave> planWaves(const std::vector<std::string>& ordered, std::size_t total, int canary,
                            const std::vector<double>& shares) {
    std::vector<Wave> waves;
    const std::size_t done = total - ordered.size();  // members that run the version already
    std::size_t next = 0;
    const auto take = [&](std::size_t until, bool isCanary) {
        until = std::min(until, ordered.size());
        if (until <= next) return;
        Wave wave;
        wave.canary = isCanary;
        wave.devices.assign(ordered.begin() + static_cast<std::ptrdiff_t>(next),
                            ordered.begin() + static_cast<std::ptrdiff_t>(until));
        waves.push_back(std::move(wave));
        next = until;
    };
    take(static_cast<std::size_t>(std::max(canary, 0)), true);
    for (const double share : shares) {
        const double reached = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(total));
        const auto count = static_cast<std::size_t>(reached);
        take(count > done ? count - done : 0, false);
    }
    take(ordered.size(), false);
    return waves;
}

}  // namespace tinsmith::rollout
