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

// The number that the next version of the model gets; the same again for the same job.
Task<Result<int>> numberStep(Job& job, std::string model);

// Builds both slots' firmware, proves it, signs it, and writes the version's record; rolls it out
// where asked and where it is not worse than what runs. A missed target keeps the version without
// images. Fails with target_missed, not_better, not_feasible (the measured image breaks a limit),
// build_failed, preflight_failed, signing_failed, or what a rollout fails with.
Task<Result<Json>> release(Job& job, Fleet& fleet, Goal goal, Draft draft, ReleaseWishes wishes);

// Images for a version that exists: built, proven and signed again with a new counter.
Task<Result<Json>> rebuild(Job& job, std::string model, int version);

// Rolls a version out to a group and makes it the model's current one.
Task<Result<Json>> rolloutStep(Job& job, Fleet& fleet, std::string model, int version,
                               RolloutOptions options);

}  // namespace tinsmith
