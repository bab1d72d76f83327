// Parts of a plan that a person fixed: they stay as they are, whoever writes the rest.
#pragma once

#include <vector>

#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

// `plan` with what is `fixed` in its place: a merge patch (RFC 7386), so an object is laid over key
// by key and a list replaces the list. Null or empty = nothing is fixed. Fails as parsePlan() does.
[[nodiscard]] Result<Plan> withFixed(const Json& plan, const Json& fixed,
                                     const WindowShape& window);

// Those of `plans` that can take what is fixed, without repetitions.
std::vector<Plan> allWithFixed(const std::vector<Plan>& plans, const Json& fixed,
                               const WindowShape& window);

// Features, network and training are all given: there is nothing left to plan.
bool fixesAll(const Json& fixed);

}  // namespace tinsmith::plan
