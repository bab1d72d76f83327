// Further looks at plans that lead: on other groups, or other times, as validation, and with other
// seeds. One cut of few groups flatters some plan by chance.
#pragma once

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"
#include "handlers/requests/trials.hpp"

namespace tinsmith {

// Looks once more at the plan that reaches the target, where one cut proves little and the budget
// has room for it.
Task<Status> confirmBest(Job& job, Goal goal, Books& books);

// Whether the best plan reaches the target, and was looked at again where that matters and there is
// room for it.
bool targetHolds(const Job& job, const Goal& goal, const Books& books);

// Before the best plan is varied: on one cut alone, the wrong one may lead. The search goes
// by the winner then. Only where another cut may tell something else.
Task<Status> compareLeaders(Job& job, Goal goal, Books& books);

// Whether what is left of the budget is just enough to look once more at each plan that leads:
// variations of the best one are worth less than knowing which one is.
bool timeToCompare(const Job& job, const Goal& goal, const Books& books);

// What is left of the budget goes into looks at the plans that lead.
Task<Status> lookAgain(Job& job, Goal goal, Books& books);

}  // namespace tinsmith
