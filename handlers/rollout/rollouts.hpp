// Rollouts: a coroutine each over its durable record. Killed at any moment it goes on from the
// record, and a device that already runs the version is not offered it again.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "handlers/flow/world.hpp"
#include "handlers/rollout/devices.hpp"
#include "handlers/rollout/judge.hpp"
#include "handlers/rollout/offers.hpp"
#include "handlers/rollout/rollout_record.hpp"
#include "handlers/rollout/version_images.hpp"
#include "handlers/rollout/waker.hpp"

namespace tinsmith::rollout {

class Rollouts {
  public:
    Rollouts(World& world, Devices& devices, Offers& offers)
        : world_(world), devices_(devices), offers_(offers) {}

    // Publishes the states of all rollouts, forgets those that ended before the retention time.
    [[nodiscard]] Status start();
    Task<Result<Json>> run(RolloutSpec spec, Fleet::Progress progress, CancelToken cancel);
    [[nodiscard]] Status abort(const std::string& id);

    // A device said something that may matter to the rollout it is in.
    void changed(const std::string& device);
    void update(const std::string& device, const wire::Update& update);

    // The device, or the group, is part of a rollout that has not ended.
    [[nodiscard]] bool claims(const std::string& device) const;
    [[nodiscard]] bool changing(const std::string& group) const;
    [[nodiscard]] std::size_t open() const { return open_.size(); }
    // Called after a rollout has ended: the group's version may be new, its devices are free again.
    std::function<void()> onEnd;

  private:
    struct Run {
        RolloutRecord record;
        VersionImages images;
        Fleet::Progress progress;
        Waker waker;
        std::int64_t lastTick = 0;       // steady ms
        std::int64_t lastPublished = 0;  // steady ms; 0 = never
        bool changed = true;             // something durable differs from the journal
        bool stale = true;               // something shown differs from what was published
    };
    using RunPtr = std::shared_ptr<Run>;

    [[nodiscard]] Result<RolloutRecord> create(const RolloutSpec& spec,
                                               const VersionImages& images);
    [[nodiscard]] Status checkFree(const RolloutSpec& spec,
                                   const std::vector<std::string>& ids) const;
    void resumeTimes(Run& run) const;
    Task<Result<Json>> drive(RunPtr run, CancelToken cancel);
    Task<Status> offerDueOnes(RunPtr run);
    Task<Result<Json>> end(RunPtr run, RolloutState state, std::string reason, Code code);
    void tick(Run& run) const;
    void judge(Run& run) const;
    // Moves the waves on. Returns why the rollout must stop, or nothing.
    [[nodiscard]] std::string gates(Run& run) const;
    void beginWave(Run& run, Wave& wave) const;
    // A version that failed its self-test on a device is never offered to it again. True when it
    // was refused for that.
    [[nodiscard]] static bool refuseFailed(Run& run, Member& member, const Device& device);
    [[nodiscard]] static bool finished(const Run& run);
    void show(Run& run, bool now);
    void publish(const RolloutRecord& record);
    [[nodiscard]] Result<Json> outcome(const RolloutRecord& record) const;
    [[nodiscard]] Now now() const { return {world_.clock.unixMs(), world_.clock.steadyMs()}; }
    void remember(const RolloutRecord& record);

    World& world_;
    Devices& devices_;
    Offers& offers_;
    std::map<std::string, std::weak_ptr<Run>> runs_;
    struct Open {
        std::string group;
        std::set<std::string> devices;
    };
    std::map<std::string, Open> open_;  // not ended, running here or waiting to be resumed
};

}  // namespace tinsmith::rollout
