// The conversation with a language model that designs: what it is shown before each answer. Every
// prompt stands alone and holds all that was measured, so that no server has to remember anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/plan/cost.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/plan/prompt_template.hpp"

namespace tinsmith::plan {

// One attempt with what was measured of it on validation.
struct Attempt {
    int number = 0;  // from 1, through the whole job
    std::string planner;
    Json plan;
    double accuracy = 0;  // int8 where it was trained in full, float where it had a quick look
    double lower90 = 0;
    bool measured = false;  // false: it never came to a measurement; the facts say why
    bool full = false;      // trained to the end
    bool refused = false;   // by the board, after all
    std::vector<std::string> facts;
};

// One more look at the data that the model asked for.
struct Look {
    Json query;
    std::string answer;
};

struct PromptInput {
    std::string task;    // the asker's words
    std::string advice;  // likewise, for the planner; may be empty
    Json fixed;          // what the asker fixed of the plan; null = nothing
    Json dataCard;
    std::string plots;
    WindowShape window;
    BoardLimits limits;
    double targetAccuracy = 0;  // 0 = as good as possible
    std::vector<Attempt> attempts;
    std::optional<std::size_t> best;  // of the attempts
    std::vector<Look> looks;
    int looksLeft = 0;
};

// The whole prompt (config/prompts/plan.md) or the one for small contexts (plan-compact.md, at most
// kCompactBytes). Fails with bad_data where the template is broken.
[[nodiscard]] Result<Prompt> planPrompt(const PromptInput& input, std::string_view promptTemplate);
[[nodiscard]] Result<Prompt> compactPlanPrompt(const PromptInput& input,
                                               std::string_view promptTemplate);

// A schema for servers that can constrain their output: whatever readReply() makes out fits it.
Json replySchema();

// The user message that asks for one repair of the last reply.
Message repairMessage(const Error& fault);

}  // namespace tinsmith::plan
