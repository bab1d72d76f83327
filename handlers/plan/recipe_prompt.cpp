#include "handlers/plan/recipe_prompt.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "handlers/flow/explain.hpp"
#include "handlers/flow/text.hpp"
#include "handlers/plan/quote.hpp"
#include "handlers/plan/reply.hpp"
#include "handlers/plan/short_card.hpp"

namespace tinsmith::plan {
namespace {

// How many bytes of each part a form of the prompt shows.
struct RecipeSizes {
    std::size_t task, card, text, classes, measured, plan;
};
constexpr RecipeSizes kWholeRecipe = {2000, 5000, 2000, 2500, 1500, 6000};
constexpr RecipeSizes kCompactRecipe = {400, 1200, 700, 700, 700, 2500};
// A range that moved by less, as a share of its width, is the same.
constexpr double kMoved = 0.15;

std::string wishes(const std::string& advice, const RecipeSizes& sizes) {
    if (advice.empty()) return "";
    return "The asker advises\n<task>\n" + quoted(advice, sizes.task) + "\n</task>\n";
}

// One definition of the plan's schema.
Json definition(const char* name) {
    const Json schema = Json::parse(schemaText(), nullptr, false);
    return schema.at(Json::json_pointer("/definitions/" + std::string(name)));
}

// An answer of these members, with its reason.
Json answerSchema(Json members) {
    members["reason"] = {{"type", "string"}};
    return {{"type", "object"}, {"properties", std::move(members)}};
}

std::size_t windowsOf(const Json& card, std::size_t index) {
    const Json train = card.value("windows", Json::object()).value("train", Json::object());
    const Json counts = train.value("per_class", Json::array());
    return index < counts.size() && counts[index].is_number_integer()
               ? counts[index].get<std::size_t>()
               : 0;
}

double edge(const Json& range, const char* key) {
    const auto it = range.find(key);
    return it != range.end() && it->is_number() ? it->get<double>() : 0;
}

std::string rangeText(const Json& range) {
    char text[80];
    std::snprintf(text, sizeof text, "%.4g to %.4g", edge(range, "min"), edge(range, "max"));
    return text;
}

// Single figures before lists: what does not fit is cut at the end.
std::string figuresText(const Json& figures, std::size_t most, std::size_t text) {
    Json single = Json::object();
    Json lists = Json::object();
    for (const auto& [key, value] : figures.items()) {
        (value.is_structured() ? lists : single)[key] = value;
    }
    return quoted(single, text) + "\n" + quoted(lists, most);
}

Result<Prompt> retrainPromptOf(const RetrainInput& input, std::string_view promptTemplate,
                               const RecipeSizes& sizes, const std::string& oldCard,
                               const std::string& card) {
    return fillTemplate(
        promptTemplate,
        {{"task", quoted(input.task, sizes.task)},
         {"wishes", wishes(input.advice, sizes)},
         {"plan", quoted(input.plan, sizes.plan)},
         {"curves", quotedLines(input.curves, sizes.text)},
         {"old_card", oldCard},
         {"card", card},
         {"changes", quotedLines(changesText(input.oldCard, input.card), sizes.text)},
         {"schema", canonical(definition("training"))}},
        {"task", "plan", "curves", "changes"});
}

Result<Prompt> requantizePromptOf(const RequantizeInput& input, std::string_view promptTemplate,
                                  const RecipeSizes& sizes) {
    return fillTemplate(
        promptTemplate,
        {{"task", quoted(input.task, sizes.task)},
         {"wishes", wishes(input.advice, sizes)},
         {"plan", quoted(input.plan, sizes.plan)},
         {"figures", "On validation " + figuresText(input.validation, sizes.classes, sizes.text) +
                         "\nOn the board " +
                         figuresText(input.measured, sizes.measured, sizes.text)},
         {"limits", quotedLines(input.limits, sizes.text)},
         {"tried", quotedLines(input.tried, sizes.text)},
         {"schema", canonical(definition("quantization"))}},
        {"task", "plan", "figures", "tried"});
}

Result<Prompt> within(Result<Prompt> prompt, std::size_t most) {
    if (prompt) cutTo(*prompt, most);
    return prompt;
}

}  // namespace

std::string changesText(const Json& before, const Json& after) {
    if (!before.is_object())
        return "The data of the last training is gone; nothing can be compared.";
    std::string text;
    const Json old = before.value("classes", Json::array());
    const Json now = after.value("classes", Json::array());
    for (std::size_t i = 0; i < now.size(); ++i) {
        const auto at = std::ranges::find(old, now[i]);
        if (at == old.end()) {
            text += "- new class " + quoted(now[i], 100) + "\n";
            continue;
        }
        const std::size_t was = windowsOf(before, static_cast<std::size_t>(at - old.begin()));
        const std::size_t is = windowsOf(after, i);
        if (was != is) {
            text += "- class " + quoted(now[i], 100) + ": " + std::to_string(was) + " to " +
                    std::to_string(is) + " train windows\n";
        }
    }
    for (const Json& name : old) {
        if (std::ranges::find(now, name) == now.end())
            text += "- class " + quoted(name, 100) + " is gone\n";
    }
    const auto groups = [](const Json& card) {
        return card.value("groups", Json::object())
            .value("train", Json::object())
            .value("count", 0);
    };
    if (groups(before) != groups(after)) {
        text += "- groups in train: " + std::to_string(groups(before)) + " to " +
                std::to_string(groups(after)) + "\n";
    }
    const Json oldRanges = before.value("ranges", Json::array());
    const Json ranges = after.value("ranges", Json::array());
    for (std::size_t i = 0; i < std::min(oldRanges.size(), ranges.size()); ++i) {
        const double width = std::max(edge(oldRanges[i], "max") - edge(oldRanges[i], "min"), 1e-9);
        const double moved = std::max(std::abs(edge(ranges[i], "min") - edge(oldRanges[i], "min")),
                                      std::abs(edge(ranges[i], "max") - edge(oldRanges[i], "max")));
        const double mean = std::abs(edge(ranges[i], "mean") - edge(oldRanges[i], "mean"));
        if (moved / width < kMoved && mean / width < kMoved / 3) continue;
        text += "- channel " + quoted(ranges[i].value("channel", Json()), 100) + ": " +
                rangeText(oldRanges[i]) + " became " + rangeText(ranges[i]) + "\n";
    }
    return text.empty() ? "nothing that the card shows" : text;
}

Json retrainSchema() {
    return answerSchema(
        {{"training", definition("training")}, {"weights", {{"enum", {"continued", "fresh"}}}}});
}

Json requantizeSchema() {
    return answerSchema({{"recipes", {{"type", "array"}, {"items", definition("quantization")}}}});
}

Result<Prompt> retrainPrompt(const RetrainInput& input, std::string_view promptTemplate) {
    return retrainPromptOf(input, promptTemplate, kWholeRecipe,
                           quoted(input.oldCard, kWholeRecipe.card),
                           quoted(input.card, kWholeRecipe.card));
}

Result<Prompt> compactRetrainPrompt(const RetrainInput& input, std::string_view promptTemplate) {
    return within(retrainPromptOf(input, promptTemplate, kCompactRecipe, "left out here",
                                  shortCard(input.card, kCompactRecipe.card)),
                  kCompactBytes);
}

Result<RetrainAnswer> readRetrainAnswer(std::string_view reply, const Json& plan,
                                        const WindowShape& window) {
    const auto json = extractObject(reply, {"training", "weights"});
    if (!json) return std::unexpected(json.error());
    if (!json->contains("training") && !json->contains("weights")) {
        return fail(Code::schema, "the reply has neither \"training\" nor \"weights\"",
                    R"(like {"training": {"epochs": 40}, "weights": "continued"})");
    }
    const Json weights = json->value("weights", Json("continued"));
    if (weights != "continued" && weights != "fresh") {
        return fail(Code::schema, "\"weights\" is neither \"continued\" nor \"fresh\"",
                    "choose one", "/weights");
    }
    Json changed = plan;
    Json patch = Json::object();
    if (json->contains("training")) patch["training"] = (*json)["training"];
    if (!patch.empty() && !patch["training"].is_object()) {
        return fail(Code::schema, "\"training\" is no object", "like {\"epochs\": 40}",
                    "/training");
    }
    changed.merge_patch(patch);
    const auto parsed = parsePlan(changed, window);
    if (!parsed) return std::unexpected(parsed.error());
    RetrainAnswer answer;
    answer.plan = toJson(*parsed);
    answer.fresh = weights == "fresh";
    const Json reason = json->value("reason", Json());
    if (reason.is_string()) answer.reason = cutText(reason.get<std::string>(), kMaxReason);
    return answer;
}

Result<Prompt> requantizePrompt(const RequantizeInput& input, std::string_view promptTemplate) {
    return requantizePromptOf(input, promptTemplate, kWholeRecipe);
}

Result<Prompt> compactRequantizePrompt(const RequantizeInput& input,
                                       std::string_view promptTemplate) {
    return within(requantizePromptOf(input, promptTemplate, kCompactRecipe), kCompactBytes);
}

Result<RequantizeAnswer> readRequantizeAnswer(std::string_view reply, const Json& plan,
                                              const WindowShape& window) {
    const auto json = extractObject(reply, {"recipes"});
    if (!json) return std::unexpected(json.error());
    const Json recipes = json->value("recipes", Json());
    if (!recipes.is_array() || recipes.empty() || recipes.size() > kMostRecipes) {
        return fail(Code::schema, "\"recipes\" is no list of one to three recipes",
                    R"(like {"recipes": [{"calibration": "mse"}]})", "/recipes");
    }
    RequantizeAnswer answer;
    for (const Json& recipe : recipes) {
        Json changed = plan;
        changed["quantization"] = recipe;
        const auto parsed = parsePlan(changed, window);
        if (!parsed) {
            const std::string place = "/recipes/" + std::to_string(answer.recipes.size());
            return std::unexpected(moved(parsed.error(), "/quantization", place));
        }
        answer.recipes.push_back(parsed->quantization);
    }
    const Json reason = json->value("reason", Json());
    if (reason.is_string()) answer.reason = cutText(reason.get<std::string>(), kMaxReason);
    return answer;
}

}  // namespace tinsmith::plan
