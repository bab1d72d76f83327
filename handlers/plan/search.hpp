// The built-in planner: needs no network, keeps no state, does no I/O. The same inputs always give
// the same plans.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "handlers/plan/cost.hpp"
#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

struct Trial {
    Plan plan;
    double epochsScale = 1;  // share of the plan's epochs to train
    int rung = 0;            // 0 = short first look, 1 = full length, 2 = refinements of the best
};

// What a trial came to on the validation part.
struct Outcome {
    Trial trial;
    double accuracy = 0;
    double lower90 = 0;  // lower 90 % bound of the accuracy
    double seconds = 0;
    Feasibility cost;
};

struct SearchInput {
    WindowShape window;
    std::size_t trainWindows = 0;  // as cut for training
    BoardLimits limits;
    Json fixed;               // what a person fixed of every plan; null = nothing
    bool contiguous = false;  // windows are cut from recordings that are longer
    bool series = false;  // rows of a table that follow each other while the label comes and goes
    bool oneSource = false;  // one device recorded all of it: validation tells nothing of others
    bool axes = false;       // channels are x, y, z of one sensor or several, in this order
};

// The next trials, best first, all valid and feasible and none tried before; to be run in that
// order, and asked for again with their outcomes. Empty = nothing left to try, or validation is
// right throughout; empty at the first call = no plan fits the limits.
std::vector<Trial> nextTrials(const SearchInput& input, const std::vector<Outcome>& soFar);

// The outcome to build on: the index of the highest validation accuracy. Nothing while there are no
// outcomes.
std::optional<std::size_t> bestOutcome(const std::vector<Outcome>& soFar);

// Why nothing fits: the smallest candidate and the limit that it breaks.
Feasibility smallestCandidate(const SearchInput& input);

}  // namespace tinsmith::plan
