// Plans that fit as far as was foreseen, were trained, and that the board refused all the same.
#pragma once

#include "handlers/flow/job.hpp"
#include "handlers/requests/learn.hpp"
#include "handlers/requests/release.hpp"

namespace tinsmith {

// After so many refusals a job ends: what they have in common is no plan's fault.
inline constexpr int kMostRefusals = 3;

// Whether it is the plan that has no images, so that another one may have some: what was measured
// breaks a limit, the linker finds no room for it, or the board does not compute what the gateway
// does, which code in a plan may cause; where the asker wrote the code, it is in every plan.
bool refusesPlan(const Goal& goal, const Proof& proof);

// Narrows `limits` so that what keeps to them by its estimate may be expected to keep to what was
// `asked`: estimates of other plans fall short by about as much as the one that was `foreseen`, of
// bytes by as many, of time in proportion. `measured` as in Proof; what it keeps to stays.
void narrow(plan::BoardLimits& limits, const plan::BoardLimits& asked,
            const plan::Feasibility& foreseen, const Json& measured);

// Enters the refusal into the books and the report, and takes out what would be refused likewise:
// the plan; where a planner wrote code for it, whose time nobody foresees, all plans with that
// code; else what breaks the limits once they are narrowed by as much as the estimate fell short of
// what was measured.
void noteRefusal(Job& job, const Goal& asked, Planning& planning, const Choice& refused,
                 const Proof& proof);

// Whether another plan was trained that may pass, or the asker left one open and there is time for
// it.
bool hasAnotherPlan(const Job& job, const Planning& planning);

}  // namespace tinsmith
