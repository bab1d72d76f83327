#include "handlers/plan/prompt.hpp"

#include <algorithm>
#include <cstdio>

#include "handlers/code/header.hpp"
#include "handlers/plan/quote.hpp"

namespace tinsmith::plan {
namespace {

constexpr std::size_t kMaxTask = 2000;
constexpr std::size_t kMaxFact = 400;
constexpr std::size_t kMaxLook = 2000;

// How much of each part a form of the prompt shows.
struct Sizes {
    std::size_t card;
    std::size_t plots;
    std::size_t attempts;  // the newest so many; the best one is always there
    std::size_t plans;     // so many of them with their whole plan
    std::size_t looks;
};
constexpr Sizes kWhole = {8000, 5000, 8, 3, 4};
constexpr Sizes kCompact = {1400, 700, 3, 1, 1};

std::string format(const char* pattern, double value) {
    char text[64];
    std::snprintf(text, sizeof text, pattern, value);
    return text;
}

std::string kilobytes(std::uint64_t bytes) {
    return format("%.1f KB", static_cast<double>(bytes) / 1000);
}

std::string boardText(const BoardLimits& limits) {
    std::string text = "- " + limits.name + ", " + format("%.0f MHz", limits.speed.clockHz / 1e6) +
                       "\n- for the model: flash " + kilobytes(limits.flashLeft()) + ", RAM " +
                       kilobytes(limits.ramLeft());
    if (limits.latencyMs > 0)
        text += "\n- latency at most " + format("%.2f ms a window", limits.latencyMs);
    return text;
}

std::string targetText(const PromptInput& input) {
    if (input.targetAccuracy <= 0) return "the best validation accuracy that fits the board";
    return "validation accuracy of at least " + format("%.4f", input.targetAccuracy) +
           ", with its lower 90 % bound";
}

std::string attemptText(const Attempt& attempt, bool isBest, bool withPlan) {
    std::string text = std::to_string(attempt.number) + ". " + attempt.planner + ": ";
    if (attempt.measured) {
        text += "accuracy " + format("%.4f", attempt.accuracy) +
                (attempt.full ? " (very likely above " + format("%.4f", attempt.lower90) + ")"
                              : std::string(" in a quick look")) +
                (isBest ? ", THE BEST SO FAR" : "");
    } else {
        text += "not measured";
    }
    text += "\n";
    for (const std::string& fact : attempt.facts) {
        text += "   - " + quotedLines(fact, kMaxFact) + "\n";
    }
    if (withPlan) text += "   plan: " + quoted(attempt.plan, 6000) + "\n";
    return text;
}

// The best first, then the newest, so that what matters stands at the top.
std::string attemptsText(const PromptInput& input, const Sizes& sizes) {
    const std::vector<Attempt>& attempts = input.attempts;
    if (attempts.empty()) return "none";
    std::string text;
    if (input.best) text += attemptText(attempts[*input.best], true, true);
    std::size_t shown = input.best ? 1 : 0;
    std::size_t plans = shown;
    for (std::size_t i = attempts.size(); i-- > 0 && shown < sizes.attempts;) {
        if (input.best == i) continue;
        text += attemptText(attempts[i], false, plans < sizes.plans);
        ++shown;
        ++plans;
    }
    if (shown < attempts.size()) {
        text += std::to_string(attempts.size() - shown) + " older ones are left out.\n";
    }
    return text;
}

std::string looksText(const PromptInput& input, const Sizes& sizes) {
    std::string text;
    const std::size_t from =
        input.looks.size() > sizes.looks ? input.looks.size() - sizes.looks : 0;
    for (std::size_t i = from; i < input.looks.size(); ++i) {
        const Look& look = input.looks[i];
        text += quoted(look.query, 300) + "\n<data>\n" + quotedLines(look.answer, kMaxLook) +
                "\n</data>\n";
    }
    if (input.looksLeft > 0) {
        return text + "You may take " + std::to_string(input.looksLeft) + " more.";
    }
    return text + "None is left.";
}

// A few figures of the card, for a small context.
Json shortCard(const Json& card) {
    Json brief = Json::object();
    for (const char* key : {"channels", "units", "rate_hz", "window", "classes", "picture"}) {
        if (card.contains(key)) brief[key] = card[key];
    }
    if (card.contains("windows")) brief["windows"] = card["windows"].value("train", Json::object());
    Json warnings = Json::array();
    for (const Json& warning : card.value("warnings", Json::array())) {
        warnings.push_back(warning.value("code", ""));
    }
    brief["warnings"] = warnings;
    if (card.contains("ranges")) brief["ranges"] = card["ranges"];
    return brief;
}

std::string windowText(const WindowShape& window) {
    return "[" + std::to_string(window.length) + " samples, " + std::to_string(window.channels) +
           " channels], " + std::to_string(window.classes) + " classes";
}

std::string wishesText(const PromptInput& input) {
    std::string text;
    if (!input.advice.empty()) {
        text += "The asker advises\n<task>\n" + quoted(input.advice, kMaxTask) + "\n</task>\n";
    }
    if (!input.fixed.is_null() && !input.fixed.empty()) {
        text += "The asker fixed this part of the plan; it stays as it is whatever you write:\n" +
                quoted(input.fixed, kMaxTask) + "\n";
    }
    return text;
}

// Without the spaces that make it readable for people: a quarter fewer tokens.
std::string shortSchema() {
    const Json schema = Json::parse(schemaText(), nullptr, false);
    return schema.is_discarded() ? std::string(schemaText()) : canonical(schema);
}

Values valuesOf(const PromptInput& input, const Sizes& sizes, const Json& card) {
    return {
        {"task", quoted(input.task, kMaxTask)},
        {"wishes", wishesText(input)},
        {"target", targetText(input)},
        {"card", quoted(card, sizes.card)},
        {"plots", input.plots.empty() ? "none" : quotedLines(input.plots, sizes.plots)},
        {"window", windowText(input.window)},
        {"board", boardText(input.limits)},
        {"costs", costText(input.limits)},
        {"schema", shortSchema()},
        {"header", std::string(code::headerText())},
        {"attempts", attemptsText(input, sizes)},
        {"looks", looksText(input, sizes)},
    };
}

}  // namespace

Result<Prompt> planPrompt(const PromptInput& input, std::string_view promptTemplate) {
    return fillTemplate(promptTemplate, valuesOf(input, kWhole, input.dataCard),
                        {"task", "card", "schema", "attempts", "wishes", "looks"});
}

Result<Prompt> compactPlanPrompt(const PromptInput& input, std::string_view promptTemplate) {
    PromptInput brief = input;
    brief.task = cutText(brief.task, 400);
    brief.advice = cutText(brief.advice, 400);
    auto prompt = fillTemplate(promptTemplate, valuesOf(brief, kCompact, shortCard(input.dataCard)),
                               {"task", "card", "attempts", "wishes"});
    if (!prompt) return prompt;
    std::size_t bytes = 0;
    for (const Message& message : prompt->messages) bytes += message.content.size();
    if (bytes > kCompactBytes) {
        // Whatever does not fit is at the end of the user message: older attempts.
        std::string& user = prompt->messages.back().content;
        user = cutText(user, user.size() - std::min(user.size(), bytes - kCompactBytes));
    }
    return prompt;
}

Json replySchema() {
    Json schema = Json::parse(schemaText(), nullptr, false);
    if (schema.is_discarded()) return Json();
    schema.erase("required");
    Json& properties = schema["properties"];
    properties["edit"] = {{"type", "object"}};
    properties["of"] = {{"type", Json::array({"integer", "string"})}};
    properties["look"] = {{"type", "string"}};
    for (const char* key : {"class", "channel"}) properties[key] = {{"type", "string"}};
    properties["n"] = {{"type", "integer"}};
    properties["odd"] = {{"type", "boolean"}};
    properties["classes"] = {{"type", "array"}, {"items", {{"type", "string"}}}};
    return schema;
}

Message repairMessage(const Error& fault) {
    std::string text =
        "Your reply cannot be used.\nFault: " + quoted(fault.message, kMaxFact) + "\n";
    if (!fault.path.empty())
        text += "At (JSON pointer into the plan): " + quoted(fault.path, 200) + "\n";
    if (!fault.hint.empty()) text += "Remedy: " + quoted(fault.hint, kMaxFact) + "\n";
    text += "Send the whole answer again with this fault mended: one JSON object, nothing else.";
    return {"user", text};
}

}  // namespace tinsmith::plan
