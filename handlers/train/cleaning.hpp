// A plan's cleaning of the windows that teach.
#pragma once

#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/plan/plan.hpp"

namespace tinsmith::train {

// The windows that are left, in their order. `schema` with the path where a class or
// group is not in the dataset, `bad_data` where no window is left.
[[nodiscard]] Result<std::vector<dataset::WindowRef>> cleaned(
    const std::vector<plan::Cleaning>& cleaning, const dataset::Dataset& data,
    std::vector<dataset::WindowRef> windows);

}  // namespace tinsmith::train
