// What a plan does to data before the network, against what a window allows.
#pragma once

#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

// Windowing, conditioning, features and augmentation. Fails with `schema` (or `unsupported` where
// the window itself is beyond the blocks) and the JSON pointer of the fault.
[[nodiscard]] Status checkData(const Plan& plan, const WindowShape& window);

}  // namespace tinsmith::plan
