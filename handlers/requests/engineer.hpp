// The language model as the engineer of one job: it proposes plans, sees what was measured of them,
// and proposes better ones.
#pragma once

#include <string>
#include <vector>

#include "handlers/flow/job.hpp"
#include "handlers/requests/ask.hpp"
#include "handlers/requests/trials.hpp"

namespace tinsmith {

struct Conversation {
    Spent spent;
    std::vector<plan::Look> looks;
};

// What the model wants tried next, whole and valid, with what the asker fixed laid over it.
struct Proposal {
    plan::Plan plan;
    std::string reason;
    std::string model;
};

// Asks until a usable plan comes: looks at the data are taken and shown, one repair of each useless
// reply is asked for. Fails with the last fault, budget_spent, llm_unavailable or cancelled.
Task<Result<Proposal>> propose(Job& job, Goal goal, const Books& books, Conversation& talk);

// Lets the model work until the target holds, its share of the budget is spent, its replies are
// useless several times in a row, or its plans bring nothing forward any more.
Task<Status> followModel(Job& job, Goal goal, Books& books, Conversation& talk);

}  // namespace tinsmith
