// All that the daemon knows of the requests: their stories.
#pragma once

#include "handlers/flow/job.hpp"
#include "handlers/rollout/fleet.hpp"

namespace tinsmith {

// Before Jobs::resume and Desk::start. Both must outlive every job.
void addStories(Jobs& jobs, Fleet& fleet);

}  // namespace tinsmith
