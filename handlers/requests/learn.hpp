// From a goal to a plan and from a plan to float weights: what regenerate and retrain share.
#pragma once

#include <string>

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

// A plan with what it reached on validation.
struct Choice {
    Json plan;
    int epochs = 0;       // to fit it once more on train and validation together
    double accuracy = 0;  // int8, on validation
    double lower90 = 0;   // its one-sided lower 90 % bound
    Json validation;      // confusion, per class
    Json cost;            // feasibility as computed before training
    std::string planner;  // "search" or the language model's name
    int attempts = 0;
    std::int64_t llmTokens = 0;
};

Json toJson(const Choice& choice);

// Writes plans, trains and measures them until validation's lower bound reaches the target or the
// budget is spent; a language model first where one is configured, the built-in search else and
// afterwards. Every call, trial and verdict is a step. Fails with not_feasible (nothing fits the
// limits; before any training) or what the stages fail with.
Task<Result<Choice>> choosePlan(Job& job, Goal goal);

// Only the first plan and its feasibility: what `dry_run` answers.
Task<Result<Json>> dryRun(Job& job, Goal goal);

// One plan, trained on train only and measured on validation. `epochsScale` of the plan's epochs.
// Fields as in the outputs of tinsmith-train, "validation" being the int8 one where `quantize` is
// true.
Task<Result<Json>> trial(Job& job, Goal goal, Json plan, double epochsScale, bool quantize);

// The chosen plan fitted on train and validation together: {"network_json","weights" (artefact)}.
// `start`: such a network to continue from; null = fresh weights.
Task<Result<Json>> fit(Job& job, Goal goal, Json plan, int epochs, Json start);

}  // namespace tinsmith
