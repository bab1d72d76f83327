// The durable state of one rollout: journal record ("rollout", id), and what …/rollout/<id> shows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "handlers/flow/json.hpp"
#include "handlers/rollout/fleet.hpp"

namespace tinsmith::rollout {

enum class MemberState {
    waiting,  // not offered yet, or to be offered again
    offered,
    downloading,
    verifying,
    trial,
    confirmed,  // says hello with the new digest, not on trial
    reverted,
    silent,   // not confirmed by its deadline
    refused,  // by the device, with a reason
};
std::string_view name(MemberState state);

struct Member {
    MemberState state = MemberState::waiting;
    std::string reason;
    int percent = 0;              // of the download
    int offers = 0;               // sent so far
    std::string digest;           // of the image last offered
    std::uint64_t sequence = 0;   // of the last offer
    std::uint32_t bootCount = 0;  // the device's, when it was last offered
    std::string failureBefore;    // the failure that its hello showed then: reason and digest
    bool trialSeen = false;       // a hello on trial came since
    std::int64_t deadline = 0;    // unix ms; 0 = its wave has not begun
    std::int64_t notBefore = 0;   // unix ms; back-off of the next offer

    // Not journalled.
    std::int64_t leftMs = 0;   // to the deadline; stands still while the broker is away
    std::int64_t heardAt = 0;  // steady ms of its last sign of work on the offer
};

// Waiting members may still be offered; in-progress ones were.
bool inProgress(MemberState state);
bool isFailure(MemberState state);
bool isFinal(MemberState state);

enum class WaveState { waiting, running, soaking, passed, failed };
std::string_view name(WaveState state);

struct Wave {
    bool canary = false;
    std::vector<std::string> devices;
    WaveState state = WaveState::waiting;
    std::string verdict;
    std::int64_t soakUntil = 0;  // unix ms
};

enum class RolloutState { running, succeeded, aborted, cancelled };
std::string_view name(RolloutState state);

struct RolloutRecord {
    RolloutSpec spec;
    RolloutState state = RolloutState::running;
    bool abortRequested = false;
    std::string reason;                                   // why it was aborted
    std::int64_t started = 0, updated = 0, finished = 0;  // unix ms
    std::vector<Wave> waves;
    std::map<std::string, Member> members;

    [[nodiscard]] int failures() const;
    [[nodiscard]] int percent() const;  // 0..100
    [[nodiscard]] Json counts() const;  // members per state
};

Json toJson(const RolloutRecord& record);
RolloutRecord recordFromJson(const Json& json);

// The retained state and a job's result.
Json describe(const RolloutRecord& record);

// Canary first, then the shares of the whole group, counting up to everybody. `ordered` = devices
// that need the version, in the order they shall get it; `total` = size of the group, those that
// run the version already included.
std::vector<Wave> planWaves(const std::vector<std::string>& ordered, std::size_t total, int canary,
                            const std::vector<double>& shares);

}  // namespace tinsmith::rollout
