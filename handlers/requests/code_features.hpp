// What a plan's feature code yields, for the stages that compute features.
#pragma once

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

// `input` of such a stage, with its "dataset", "plan" and perhaps "fold". Where the plan has a
// block `code`, it is compiled, run in its cage on every window, and the table of what it yields is
// added as "code_features": once in a job for each block and cut of the data. Fails with
// build_failed, in words for who wrote the code. `percent`: where the job is.
Task<Result<Json>> withCodeFeatures(Job& job, Json input, int percent);

// As a step: compiles the generated code of `plan` for gateway and board and runs its feature block
// on the windows, before anything is trained. An empty object.
Task<Result<Json>> codeStep(Job& job, Goal goal, Json plan);

}  // namespace tinsmith
