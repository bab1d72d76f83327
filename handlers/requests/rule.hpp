// What a plan's decision rule does to the figures of a version.
#pragma once

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

// `made`: what the stages quantize or evaluate returned, for a plan with or without a rule. With
// one, the figures of each part become those of what is published (handlers/quantize/decision.hpp).
// `percent`: where the job is. `fold`: the cut of the data that `made` was made on.
Task<Result<Json>> withRule(Job& job, Goal goal, Json plan, Json made, int percent, int fold = 0);

}  // namespace tinsmith
