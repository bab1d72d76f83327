// The conversation with a language model that writes plans. What the asker wrote and what the model
// replied are data: they are quoted, bounded and never executed; a plan counts only after
// parsePlan().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "handlers/plan/cost.hpp"
#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

struct Message {
    std::string role;  // "system", "user" or "assistant"
    std::string content;
};

// One earlier attempt with what was measured on validation; `json` is the plan.
struct Attempt {
    Json plan;
    double accuracy = 0;
    double lower90 = 0;
    std::string note;  // confusion in words, or why it failed before it could be measured
};

struct PromptInput {
    std::string task;  // the asker's words
    Json dataCard;
    WindowShape window;
    BoardLimits limits;
    double targetAccuracy = 0;  // 0 = as good as possible
    std::vector<Attempt> attempts;
};

// Fills the template (config/prompts/plan.md, compiled in; settings may name another file whose
// text is given here). Fails with `bad_data` if the template lacks a placeholder.
[[nodiscard]] Result<std::vector<Message>> renderPrompt(const PromptInput& input,
                                                        std::string_view promptTemplate);
std::string_view defaultTemplate();

// The user message that asks for one repair of the last reply.
Message renderRepair(const Error& fault);

// The first JSON object in free text or a fenced block. Looks at no more than 64 KB; never
// recurses.
[[nodiscard]] Result<Json> extractPlan(std::string_view reply);

}  // namespace tinsmith::plan
