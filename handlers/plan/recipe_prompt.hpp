// What a language model is asked where the plan stays: how to train again, and how to quantise.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "handlers/plan/plan.hpp"
#include "handlers/plan/prompt_template.hpp"

namespace tinsmith::plan {

struct RetrainInput {
    std::string task;
    std::string advice;
    Json plan;
    std::string curves;  // of the last training, in words
    Json oldCard;        // of the data that it was trained on; null where that is gone
    Json card;           // of today's data
};

struct RetrainAnswer {
    Json plan;  // valid, with the training asked for
    bool fresh = false;
    std::string reason;
};

// config/prompts/retrain.md, and the same in at most kCompactBytes. Fails with bad_data where the
// template is broken.
[[nodiscard]] Result<Prompt> retrainPrompt(const RetrainInput& input,
                                           std::string_view promptTemplate);
[[nodiscard]] Result<Prompt> compactRetrainPrompt(const RetrainInput& input,
                                                  std::string_view promptTemplate);
// {"training":{…},"weights":"continued"|"fresh","reason"}, laid over `plan`. Fails with bad_json or
// schema.
[[nodiscard]] Result<RetrainAnswer> readRetrainAnswer(std::string_view reply, const Json& plan,
                                                      const WindowShape& window);

struct RequantizeInput {
    std::string task;
    std::string advice;
    Json plan;
    Json validation;     // of the version: accuracy as int8 and float, agreement, by class
    Json measured;       // of it on the board: bytes, instructions
    std::string limits;  // what is asked for now, in words
    std::string tried;   // recipes and what each gave, in words
};

struct RequantizeAnswer {
    std::vector<Quantization> recipes;  // one to kMostRecipes
    std::string reason;
};

inline constexpr std::size_t kMostRecipes = 3;

// What servers that can are asked to constrain the answers by (JSON Schema, draft 7).
Json retrainSchema();
Json requantizeSchema();

// config/prompts/requantize.md, likewise.
[[nodiscard]] Result<Prompt> requantizePrompt(const RequantizeInput& input,
                                              std::string_view promptTemplate);
[[nodiscard]] Result<Prompt> compactRequantizePrompt(const RequantizeInput& input,
                                                     std::string_view promptTemplate);
[[nodiscard]] Result<RequantizeAnswer> readRequantizeAnswer(std::string_view reply,
                                                            const Json& plan,
                                                            const WindowShape& window);

// What differs between two data cards, a line each: classes, windows a class, groups, ranges.
std::string changesText(const Json& before, const Json& after);

}  // namespace tinsmith::plan
