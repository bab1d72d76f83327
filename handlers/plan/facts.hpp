// What was measured of a plan, in words: what a planner learns from. Everything here is about
// validation; the test part is not known to it.
#pragma once

#include <string>
#include <vector>

#include "handlers/plan/cost.hpp"

namespace tinsmith::plan {

// The pairs of classes that are taken for each other most often, worst first, and the classes that
// are never found. `confusion` is [truth][predicted] in windows. Empty where nothing is wrong.
std::string confusionText(const Json& confusion, const std::vector<std::string>& classes);

// How training went: where validation was best, whether the loss still fell at the end, how far
// train and validation lie apart. `curve` as tinsmith-train writes it: one object an epoch with
// train_loss, train_accuracy, validation_loss and validation_accuracy. Empty for an empty curve.
std::string curveText(const Json& curve);

// Flash, RAM, time and which layers take it.
std::string costFacts(const Feasibility& fit);

}  // namespace tinsmith::plan
