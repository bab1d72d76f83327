// From a goal to a plan and from a plan to float weights: what regenerate and retrain share.
#pragma once

#include <string>

#include "handlers/flow/job.hpp"
#include "handlers/requests/engineer.hpp"
#include "handlers/requests/goal.hpp"
#include "handlers/requests/trials.hpp"

namespace tinsmith {

// What a job has planned so far.
struct Planning {
    Goal goal;  // its limits are narrower once the board has refused a plan (refusal.hpp)
    Books books;
    Conversation talk;
};

// Writes plans, trains and measures them until one reaches the target (trials.hpp: reaches(), and
// confirmed where one look proves little) or the budget is spent. Where a language model is
// configured, the built-in search's first plans get a fifth of the budget, then the model works,
// then the search with what is left. Every call, trial and verdict is a step. Goes on from what
// was planned before where it is called again. Fails with not_feasible (nothing fits the limits;
// before any training) or what the stages fail with.
Task<Result<Choice>> choosePlan(Job& job, Planning& planning);

// Only the first plan and its feasibility: what `dry_run` answers.
Task<Result<Json>> dryRun(Job& job, Goal goal);

// The chosen plan fitted on train and validation together: {"network_json","weights" (artefact)}.
// `start`: such a network to continue from; null = fresh weights.
Task<Result<Json>> fit(Job& job, Goal goal, Json plan, int epochs, Json start);

}  // namespace tinsmith
