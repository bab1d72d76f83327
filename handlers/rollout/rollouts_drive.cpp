// The story of one rollout: look, judge, decide, write down, act, wait.
#include <algorithm>

#include "handlers/rollout/rollouts.hpp"

namespace tinsmith::rollout {

namespace {
constexpr std::int64_t kJudgeAgainMs = 1000;
constexpr std::int64_t kGatherMs = 20;    // messages of one moment are judged together
constexpr std::int64_t kPublishMs = 200;  // at most five states a second
}  // namespace

Task<Result<Json>> Rollouts::drive(RunPtr run, CancelToken cancel) {
    while (true) {
        tick(*run);
        judge(*run);
        if (cancel.cancelled()) {
            Result<Json> ended =
                co_await end(run, RolloutState::cancelled, "cancelled", Code::cancelled);
            co_return ended;
        }
        if (run->record.abortRequested) {
            Result<Json> ended = co_await end(run, RolloutState::aborted, "aborted on request",
                                              Code::rollout_aborted);
            co_return ended;
        }
        const std::string stop = gates(*run);
        if (!stop.empty()) {
            Result<Json> ended =
                co_await end(run, RolloutState::aborted, stop, Code::rollout_aborted);
            co_return ended;
        }
        if (finished(*run)) {
            Result<Json> ended = co_await end(run, RolloutState::succeeded, {}, Code::internal);
            co_return ended;
        }
        const Status offered = co_await offerDueOnes(run);
        if (!offered) {
            Result<Json> ended = co_await end(run, RolloutState::aborted,
                                              "offers cannot be signed: " + offered.error().message,
                                              Code::signing_failed);
            co_return ended;
        }
        show(*run, false);
        co_await run->waker.wait(world_.clock, kJudgeAgainMs);
        const Status settled = co_await world_.clock.sleep(kGatherMs, cancel);
        (void)settled;  // a cancellation is seen at the top
    }
}

void Rollouts::tick(Run& run) const {
    const std::int64_t steady = world_.clock.steadyMs();
    const std::int64_t passed = steady - run.lastTick;
    run.lastTick = steady;
    if (!world_.broker.connected()) {
        // Nobody can be heard: no device is late, and nobody has gone quiet.
        for (auto& [id, member] : run.record.members) member.heardAt += passed;
        return;
    }
    for (auto& [id, member] : run.record.members) {
        if (member.deadline == 0 || isFinal(member.state)) continue;
        member.leftMs -= passed;
    }
}

void Rollouts::judge(Run& run) const {
    const Now at = now();
    for (auto& [id, member] : run.record.members) {
        const MemberState before = member.state;
        const std::string reason = member.reason;
        const bool seen = member.trialSeen;
        if (const Device* device = devices_.find(id)) {
            judgeHello(member, *device, run.images, at);
        } else if (!isFailure(member.state)) {
            member.state = MemberState::silent;
            member.reason = "removed";
        }
        if (member.deadline != 0 && !isFinal(member.state) && member.leftMs <= 0) {
            member.reason =
                member.reason.empty()
                    ? "not confirmed by the deadline, was " + std::string(name(member.state))
                    : "not confirmed by the deadline after " + member.reason;
            member.state = MemberState::silent;
        }
        if (member.state != before || member.reason != reason || member.trialSeen != seen) {
            run.changed = run.stale = true;
        }
    }
}

void Rollouts::beginWave(Run& run, Wave& wave) const {
    wave.state = WaveState::running;
    const std::int64_t whole = run.record.spec.deadlineS * 1000;
    for (const std::string& id : wave.devices) {
        Member& member = run.record.members[id];
        if (isFinal(member.state)) continue;
        member.leftMs = whole;
        member.deadline = world_.clock.unixMs() + whole;
        member.heardAt = world_.clock.steadyMs();
        const Device* device = devices_.find(id);
        if (device != nullptr) (void)refuseFailed(run, member, *device);
    }
    run.changed = run.stale = true;
}

bool Rollouts::refuseFailed(Run& run, Member& member, const Device& device) {
    if (!run.images.failedOn(device)) return false;
    member.state = MemberState::refused;
    member.reason = "this version failed its self-test on this device";
    run.changed = run.stale = true;
    return true;
}

std::string Rollouts::gates(Run& run) const {
    RolloutRecord& record = run.record;
    for (Wave& wave : record.waves) {
        if (wave.state == WaveState::passed) continue;
        if (wave.state == WaveState::waiting) beginWave(run, wave);
        int failed = 0;
        bool all = true;
        std::string example;
        for (const std::string& id : wave.devices) {
            const Member& member = record.members[id];
            if (!isFinal(member.state)) all = false;
            if (!isFailure(member.state)) continue;
            ++failed;
            example = "device \"" + id + "\" " + std::string(name(member.state)) + " (" +
                      member.reason + ")";
        }
        const bool tooMany = record.failures() > record.spec.maxFailures;
        if ((wave.canary && failed > 0) || tooMany) {
            wave.state = WaveState::failed;
            wave.verdict = example.empty() ? "a device of an earlier wave failed" : example;
            run.changed = run.stale = true;
            if (wave.canary && failed > 0) return "the canary failed: " + wave.verdict;
            return std::to_string(record.failures()) + " devices failed, allowed are " +
                   std::to_string(record.spec.maxFailures) + ": " + wave.verdict;
        }
        if (!all) return {};
        if (wave.state == WaveState::running) {
            wave.state = WaveState::soaking;
            wave.soakUntil = world_.clock.unixMs() + record.spec.soakS * 1000;
            run.changed = run.stale = true;
        }
        // A wall clock that was set back must not make a soak longer than it is.
        wave.soakUntil = std::min(wave.soakUntil, world_.clock.unixMs() + record.spec.soakS * 1000);
        if (world_.clock.unixMs() < wave.soakUntil) return {};
        wave.state = WaveState::passed;
        wave.verdict = std::to_string(wave.devices.size() - static_cast<std::size_t>(failed)) +
                       " confirmed, " + std::to_string(failed) + " failed";
        run.changed = run.stale = true;
    }
    return {};
}

bool Rollouts::finished(const Run& run) {
    return std::all_of(run.record.waves.begin(), run.record.waves.end(),
                       [](const Wave& wave) { return wave.state == WaveState::passed; });
}

// Everything that is due is written down in one transaction, with the record; only then it is sent.
Task<Status> Rollouts::offerDueOnes(RunPtr run) {
    RolloutRecord& record = run->record;
    const Now at = now();
    std::vector<std::string> due;
    std::vector<Write> writes;
    std::vector<std::pair<std::string, Member>> before;
    if (world_.broker.connected()) {
        for (auto& [id, member] : record.members) {
            Device* device = devices_.find(id);
            if (device == nullptr || isFinal(member.state) || !offerDue(member, *device, at))
                continue;
            if (refuseFailed(*run, member, *device)) continue;
            const Image* image = run->images.find(device->board, 1 - device->runningSlot);
            if (image == nullptr || image->counter < device->slots[device->runningSlot].counter) {
                member.state = MemberState::refused;
                member.reason = image == nullptr ? "no image for its board"
                                                 : "its image has a higher security counter";
                run->changed = run->stale = true;
                continue;
            }
            before.emplace_back(id, member);
            writes.push_back(offers_.prepare(*device, *image, std::to_string(record.spec.version),
                                             std::max<std::int64_t>(1, member.leftMs / 1000)));
            noteOffer(member, *device, at);
            due.push_back(id);
        }
    }
    if (!run->changed && due.empty()) co_return Status();
    record.updated = at.unixMs;
    for (auto& [id, member] : record.members) {
        if (member.deadline != 0 && !isFinal(member.state))
            member.deadline = at.unixMs + member.leftMs;
    }
    writes.push_back({"rollout", record.spec.id, toJson(record)});
    run->stale = true;
    const Status committed = world_.journal.commit(writes);
    run->changed = !committed;
    if (!committed) {
        // Nothing was sent, so nothing was offered; the next tick tries again.
        for (auto& [id, member] : before) {
            member.leftMs = record.members[id].leftMs;
            record.members[id] = member;
        }
        co_return Status();
    }
    for (const std::string& id : due) {
        const Status sent = co_await offers_.send(id);
        if (!sent) co_return sent;
    }
    co_return Status();
}

void Rollouts::show(Run& run, bool now) {
    const std::int64_t steady = world_.clock.steadyMs();
    if (!run.stale && !now) return;
    if (!now && run.lastPublished != 0 && steady - run.lastPublished < kPublishMs) return;
    run.lastPublished = steady;
    run.stale = false;
    publish(run.record);
    if (run.progress) {
        const std::string text = "rollout: " + canonical(run.record.counts());
        run.progress(run.record.percent(), text, {{"counts", run.record.counts()}});
    }
}

Task<Result<Json>> Rollouts::end(RunPtr run, RolloutState state, std::string reason, Code code) {
    RolloutRecord& record = run->record;
    record.state = state;
    record.reason = std::move(reason);
    record.updated = record.finished = world_.clock.unixMs();
    std::vector<Write> writes = {{"rollout", record.spec.id, toJson(record)}};
    if (state == RolloutState::succeeded) {
        writes.push_back({"group", record.spec.group,
                          Json{{"group", record.spec.group},
                               {"model", record.spec.model},
                               {"version", record.spec.version},
                               {"rollout", record.spec.id},
                               {"updated", record.finished}}});
    }
    // The verdict must be durable before anybody hears of it; a full disk only delays it.
    Status committed = world_.journal.commit(writes);
    while (!committed) {
        const Status slept = co_await world_.clock.sleep(kJudgeAgainMs, CancelToken());
        (void)slept;
        committed = world_.journal.commit(writes);
    }
    open_.erase(record.spec.id);
    runs_.erase(record.spec.id);
    show(*run, true);
    if (onEnd) onEnd();
    if (code == Code::signing_failed) {
        co_return fail(code, record.reason, "check the signing key and tinsmith-sign");
    }
    co_return outcome(record);
}

}  // namespace tinsmith::rollout
