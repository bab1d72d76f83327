// What a plan's feature code yields, for the stages that compute features.
#pragma once

#include "handlers/flow/job.hpp"

namespace tinsmith {

// `input` of such a stage, with its "dataset", "plan" and perhaps "fold". Where the plan has a
// block `code`, it is compiled, run in its cage on every window, and the table of what it yields is
// added as "code_features". Fails with build_failed, in words for who wrote the code. `percent`:
// where the job is.
Task<Result<Json>> withCodeFeatures(Job& job, Json input, int percent);

// Compiles the generated code of `plan`, and runs its feature block on the windows of `data` (an
// artefact): what a planner wants to know before anything is trained. An empty object.
Task<Result<Json>> checkGenerated(Job& job, Json plan, std::string data, int percent);

}  // namespace tinsmith
