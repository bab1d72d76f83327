// From an int8 network to a version whose signed images were proven on the emulated board, and on
// to devices.
#pragma once

#include <optional>
#include <string>

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"
#include "handlers/rollout/fleet.hpp"

namespace tinsmith {

// Everything a version is made of before it has images.
struct Draft {
    Json plan;
    Json network;    // {"network_json","weights"}
    Json quantized;  // what quantize() returned
    Json origin;     // planner, attempts, validation, why
};

struct ReleaseWishes {
    std::optional<RolloutOptions> rollout;
    bool force = false;  // roll out although it is not better
};

// What became of a draft's images.
struct Proof {
    int version = 0;  // the number that the images have; 0 = none was given
    Status verdict;   // why none were signed
    Json measured =
        Json::object();           // of those that ran on the board, also where they break a limit
    Json images = Json::array();  // signed, one a slot
    std::uint32_t counter = 0;    // their security counter
};

// The number that the next version of the model gets; the same again for the same job.
Task<Result<int>> numberStep(Job& job, std::string model);

// Builds both slots' firmware, proves it on the emulated board and signs it. The verdict may be
// target_missed (then nothing is built), not_feasible (what was measured breaks a limit),
// build_failed, too_large, preflight_failed or signing_failed.
Task<Proof> prove(Job& job, Goal goal, Draft draft);

// Writes the version's record; rolls it out where asked and where it is not worse than what runs.
// Without images the version is kept all the same, and the job fails with the proof's verdict.
// Fails with that, not_better, or what a rollout fails with.
Task<Result<Json>> release(Job& job, Fleet& fleet, Goal goal, Draft draft, Proof proof,
                           ReleaseWishes wishes);

// Both.
Task<Result<Json>> proveAndRelease(Job& job, Fleet& fleet, Goal goal, Draft draft,
                                   ReleaseWishes wishes);

// Images for a version that exists: built, proven and signed again with a new counter.
Task<Result<Json>> rebuild(Job& job, std::string model, int version);

// Rolls a version out to a group and makes it the model's current one.
Task<Result<Json>> rolloutStep(Job& job, Fleet& fleet, std::string model, int version,
                               RolloutOptions options);

}  // namespace tinsmith
