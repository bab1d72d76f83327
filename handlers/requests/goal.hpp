// What a learning job is after, and on what: fixed at its first step, so that a job that runs again
// after a restart sees the same dataset, board and budget.
#pragma once

#include <cstdint>
#include <string>

#include "handlers/api/requests.hpp"
#include "handlers/flow/job.hpp"
#include "handlers/plan/cost.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/plan/search.hpp"

namespace tinsmith {

struct Goal {
    std::string model;
    std::string task;
    std::string advice;   // the asker's, for the planner
    Json fixed;           // what the asker fixed of the plan; null = nothing
    std::string dataset;  // name
    std::string data;     // artefact digest of the .tsd file
    Json card;            // the data card
    std::string plots;    // of its windows, as text
    std::string board;
    plan::BoardLimits limits;  // the board's own, narrowed by the request
    double target = 0;         // share of test windows; 0 = as good as the budget allows
    std::int64_t budgetMs = 0;
    int llmCalls = 0;
    std::int64_t llmTokens = 0;
    std::uint64_t seed = 1;

    [[nodiscard]] plan::WindowShape window() const;
    [[nodiscard]] plan::SearchInput searchInput() const;
};

// A share of its budget, in ms.
std::int64_t msOfBudget(const Goal& goal, double share);

Json toJson(const Goal& goal);
Goal goalFromJson(const Json& json);

struct GoalRequest {
    std::string model, dataset, board, task, advice;
    Json plan;  // what stays fixed of it; null = nothing
    Target target;
    Limits limits;
    Budget budget;
    std::uint64_t seed = 1;
};

// Looks the names up and narrows the board's limits. Without a dataset the goal is that of an
// imported network: only model, board and limits. Fails with unknown_dataset, unknown_board,
// bad_data (no windows to learn from), schema (what is fixed of the plan suits no plan for this
// data) or not_feasible (the limits leave nothing beside the platform's own share).
[[nodiscard]] Result<Goal> makeGoal(World& world, const GoalRequest& request);

// The data card as a planner may see it: without the test part, and without what only a look at it
// could tell.
Json withoutTest(Json card);

// makeGoal() as the durable first step of `job`.
Task<Result<Goal>> goalStep(Job& job, GoalRequest request);

}  // namespace tinsmith
