// One call of a language model as a durable step. Prompt and reply are kept as artefacts; the step,
// the log and the report name them by digest.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "handlers/flow/job.hpp"
#include "handlers/plan/prompt_template.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

struct Spent {
    int calls = 0;
    std::int64_t tokens = 0;
};

struct Question {
    plan::Prompt prompt;
    std::optional<plan::Prompt> compact;
    std::vector<plan::Message> more;  // an earlier reply and what is wrong with it
    Json schema;                      // that the reply should fit
    std::string schemaName;
};

struct Answer {
    std::string text;
    std::string model;  // who said it
    std::string finish;
};

// Fails with budget_spent where the job's calls or tokens are used up, with llm_unavailable, or
// with cancelled.
Task<Result<Answer>> askModel(Job& job, Goal goal, Spent& spent, Question question);

// Asks once more, with the fault, where the first reply is of no use to `read`. Fails with the last
// fault, too.
Task<Result<Answer>> askWithRepair(Job& job, Goal goal, Spent& spent, Question question,
                                   std::function<Status(const std::string& text)> read);

// The prompt that `fill` makes of the template which an installation put into its prompt folder as
// `file`; of the compiled-in one where there is none or it cannot be filled, which the job's log
// then says once.
Result<plan::Prompt> promptOf(Job& job, const std::string& file, std::string_view builtIn,
                              const std::function<Result<plan::Prompt>(std::string_view)>& fill);

// Adds what came of the last call to the report: "plan", "edit of 3", "edit of the best",
// "useless: …".
void noteVerdict(Job& job, const std::string& verdict);

}  // namespace tinsmith
