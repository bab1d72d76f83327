// The built-in search's space: which plans are worth a try for a kind of window, best first.
#pragma once

#include <vector>

#include "handlers/plan/search.hpp"

namespace tinsmith::plan {

// Every plan is valid for input.window; none is checked against the limits yet. Never empty.
std::vector<Plan> candidates(const SearchInput& input);

// Changes to a plan that did well: wider, more or less regular, longer. Valid for
// input.window.
std::vector<Plan> variations(const Plan& plan, const SearchInput& input);

}  // namespace tinsmith::plan
