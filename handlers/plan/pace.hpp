// How long a training takes, roughly, so that a job keeps to its budget.
#pragma once

#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

// Of each training: loading libtorch and the data, quantising and measuring.
inline constexpr double kStartSeconds = 0.7;

// Seconds of one core for all of the plan's epochs, as measured on a common x86-64 one; a job
// corrects it by what its own trainings took. Plans that are not valid for the window cost 0.
double trainingSeconds(const Plan& plan, const WindowShape& window, std::size_t trainWindows);

}  // namespace tinsmith::plan
