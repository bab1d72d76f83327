#include "handlers/rollout/rollouts.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "handlers/rollout/read.hpp"

namespace tinsmith::rollout {

namespace {
constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
}

Status Rollouts::start() {
    const auto records = world_.journal.list("rollout");
    if (!records) return std::unexpected(records.error());
    const std::int64_t oldest = world_.clock.unixMs() - world_.settings.retention.jobDays * kDayMs;
    std::vector<Write> forgotten;
    for (const Record& stored : *records) {
        const RolloutRecord record = recordFromJson(stored.value);
        if (record.state != RolloutState::running && record.finished < oldest) {
            forgotten.push_back({"rollout", stored.key, std::nullopt});
            Publication cleared;
            cleared.topic = world_.settings.root + "/rollout/" + stored.key;
            cleared.retain = true;
            world_.broker.publish(std::move(cleared));
            continue;
        }
        if (record.state == RolloutState::running) remember(record);
        publish(record);
    }
    if (forgotten.empty()) return {};
    return world_.journal.commit(forgotten);
}

void Rollouts::remember(const RolloutRecord& record) {
    Open open{record.spec.group, {}};
    for (const auto& [id, member] : record.members) open.devices.insert(id);
    open_[record.spec.id] = std::move(open);
}

bool Rollouts::claims(const std::string& device) const {
    return std::any_of(open_.begin(), open_.end(),
                       [&](const auto& open) { return open.second.devices.contains(device); });
}

bool Rollouts::changing(const std::string& group) const {
    return std::any_of(open_.begin(), open_.end(),
                       [&](const auto& open) { return open.second.group == group; });
}

Status Rollouts::checkFree(const RolloutSpec& spec, const std::vector<std::string>& ids) const {
    for (const auto& [id, open] : open_) {
        const auto busy = std::find_if(ids.begin(), ids.end(), [&](const std::string& device) {
            return open.devices.contains(device);
        });
        if (open.group != spec.group && busy == ids.end()) continue;
        return fail(Code::busy,
                    "rollout \"" + id + "\" of group \"" + open.group + "\" is still running",
                    "wait for it or abort it");
    }
    return {};
}

Result<RolloutRecord> Rollouts::create(const RolloutSpec& spec, const VersionImages& images) {
    std::vector<std::string> ids = devices_.inGroup(spec.group);
    if (ids.empty()) {
        return fail(Code::no_devices, "no known device is in group \"" + spec.group + "\"",
                    "put devices into the group with the verb device, action group");
    }
    const Status free = checkFree(spec, ids);
    if (!free) return std::unexpected(free.error());
    RolloutRecord record;
    record.spec = spec;
    record.started = world_.clock.unixMs();
    for (const std::string& id : ids) {
        const Device& device = *devices_.find(id);
        if (images.find(device.board, 0) == nullptr || images.find(device.board, 1) == nullptr) {
            return fail(Code::unsupported,
                        "device \"" + id + "\" has board \"" + device.board +
                            "\", for which version " + std::to_string(spec.version) +
                            " has no images",
                        "take the device out of the group or build for its board");
        }
        record.members[id];
    }
    // Devices that are there go first, so that a canary does not fail by being asleep.
    std::sort(ids.begin(), ids.end(), [&](const std::string& a, const std::string& b) {
        const bool asleepA = !devices_.find(a)->online;
        const bool asleepB = !devices_.find(b)->online;
        return std::tie(asleepA, a) < std::tie(asleepB, b);
    });
    std::vector<std::string> ordered;
    const Now at = now();
    for (const std::string& id : ids) {
        const Device& device = *devices_.find(id);
        Member& member = record.members[id];
        judgeHello(member, device, images, at);
        if (member.state != MemberState::confirmed) ordered.push_back(id);
    }
    record.waves = planWaves(ordered, ids.size(), spec.canary, spec.waves);
    return record;
}

Task<Result<Json>> Rollouts::run(RolloutSpec spec, Fleet::Progress progress, CancelToken cancel) {
    const auto stored = world_.journal.get("rollout", spec.id);
    if (!stored) co_return std::unexpected(stored.error());
    if (*stored && recordFromJson(**stored).state != RolloutState::running) {
        co_return outcome(recordFromJson(**stored));
    }
    if (const auto other = runs_.find(spec.id); other != runs_.end() && !other->second.expired()) {
        co_return fail(Code::conflict, "rollout \"" + spec.id + "\" is running already",
                       "wait for it");
    }
    const auto run = std::make_shared<Run>();
    Result<VersionImages> images = versionImages(world_.journal, spec.model, spec.version);
    if (!images) co_return std::unexpected(images.error());
    run->images = std::move(*images);
    run->progress = std::move(progress);
    run->lastTick = world_.clock.steadyMs();
    if (*stored) {
        run->record = recordFromJson(**stored);
        resumeTimes(*run);
    } else {
        Result<RolloutRecord> record = create(spec, run->images);
        if (!record) co_return std::unexpected(record.error());
        run->record = std::move(*record);
        const Status committed = world_.journal.commit({{"rollout", spec.id, toJson(run->record)}});
        if (!committed) co_return std::unexpected(committed.error());
    }
    remember(run->record);
    runs_[spec.id] = run;
    const std::weak_ptr<Run> weak = run;
    const auto registration = cancel.onCancel([weak] {
        if (const RunPtr waiting = weak.lock()) waiting->waker.wake();
    });
    Result<Json> result = co_await drive(run, cancel);
    co_return result;
}

// Deadlines are kept as wall-clock times; while the process lives they are counted on the steady
// clock instead.
void Rollouts::resumeTimes(Run& run) const {
    const std::int64_t whole = run.record.spec.deadlineS * 1000;
    constexpr std::int64_t kGraceMs =
        30'000;  // devices need a moment to be heard after our restart
    for (auto& [id, member] : run.record.members) {
        member.heardAt = world_.clock.steadyMs();
        if (member.deadline == 0) continue;
        member.leftMs =
            std::clamp(member.deadline - world_.clock.unixMs(), std::min(kGraceMs, whole), whole);
        member.notBefore = std::min(member.notBefore, world_.clock.unixMs() + whole);
    }
}

void Rollouts::changed(const std::string& device) {
    for (const auto& [id, weak] : runs_) {
        const RunPtr run = weak.lock();
        if (!run || !run->record.members.contains(device)) continue;
        run->waker.wake();
        return;
    }
}

void Rollouts::update(const std::string& device, const wire::Update& update) {
    for (const auto& [id, weak] : runs_) {
        const RunPtr run = weak.lock();
        if (!run) continue;
        const auto member = run->record.members.find(device);
        if (member == run->record.members.end()) continue;
        const MemberState before = member->second.state;
        if (!judgeUpdate(member->second, update, now())) return;
        run->stale = true;
        if (member->second.state == before) return;  // percents are shown with the next tick
        run->changed = true;
        run->waker.wake();
        return;
    }
}

Status Rollouts::abort(const std::string& id) {
    const auto stored = world_.journal.get("rollout", id);
    if (!stored) return std::unexpected(stored.error());
    if (!*stored) {
        return fail(Code::unknown_rollout, "there is no rollout \"" + id + "\"",
                    "`job` with action list shows the jobs that rolled out", "/rollout");
    }
    RolloutRecord record = recordFromJson(**stored);
    if (record.state != RolloutState::running) {
        return fail(Code::conflict,
                    "rollout \"" + id + "\" has ended: " + std::string(name(record.state)),
                    "start another one");
    }
    // The request is durable before it takes effect: whoever resumes the rollout sees it.
    const auto it = runs_.find(id);
    const RunPtr run = it == runs_.end() ? nullptr : it->second.lock();
    if (run) record = run->record;
    record.abortRequested = true;
    if (!run) {
        record.state = RolloutState::aborted;
        record.reason = "aborted on request";
        record.updated = record.finished = world_.clock.unixMs();
    }
    const Status committed = world_.journal.commit({{"rollout", id, toJson(record)}});
    if (!committed) return committed;
    if (run) {
        run->record.abortRequested = true;
        run->waker.wake();
        return {};
    }
    open_.erase(id);
    publish(record);
    if (onEnd) onEnd();
    return {};
}

void Rollouts::publish(const RolloutRecord& record) {
    Publication publication;
    publication.topic = world_.settings.root + "/rollout/" + record.spec.id;
    publication.payload = canonical(describe(record));
    publication.retain = true;
    world_.broker.publish(std::move(publication));
}

Result<Json> Rollouts::outcome(const RolloutRecord& record) const {
    if (record.state == RolloutState::succeeded) return describe(record);
    if (record.state == RolloutState::cancelled) {
        return fail(Code::cancelled, "rollout \"" + record.spec.id + "\" was cancelled");
    }
    return fail(Code::rollout_aborted, record.reason + "; devices: " + canonical(record.counts()),
                "see the retained state of rollout/" + record.spec.id);
}

}  // namespace tinsmith::rollout
