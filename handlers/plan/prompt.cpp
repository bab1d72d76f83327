#include "handlers/plan/prompt.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <utility>

#include "handlers/code/header.hpp"
#include "handlers/flow/text.hpp"
#include "handlers/plan/quote.hpp"
#include "handlers/plan/short_card.hpp"

namespace tinsmith::plan {
namespace {

constexpr std::size_t kMaxTask = 2000;
constexpr std::size_t kMaxPlanner = 80;
constexpr std::size_t kMaxFact = 400;
constexpr std::size_t kBriefTask = 400;

// How much of each part a form of the prompt shows.
struct Sizes {
    std::size_t card;
    std::size_t plots;
    std::size_t attempts;  // so many: the best one, what the board refused, the newest
    std::size_t plans;     // so many of them with their whole plan
    std::size_t plan;      // a longer plan is left out: half a plan cannot be edited
    std::size_t fact;
    std::size_t looks;  // the newest so many
    std::size_t look;
};
constexpr Sizes kWhole = {8000, 5000, 8, 3, 12'000, kMaxFact, 4, 2000};
// One after the other until the prompt fits: what helps least goes first.
constexpr Sizes kCompact[] = {
    {2600, 700, 3, 1, 5000, kMaxFact, 1, 900}, {2600, 700, 2, 1, 5000, kMaxFact, 1, 900},
    {2600, 700, 1, 1, 5000, kMaxFact, 1, 900}, {2200, 300, 1, 1, 5000, 250, 0, 0},
    {1800, 0, 1, 1, 5000, 150, 0, 0},          {1800, 0, 1, 0, 0, 150, 0, 0},
};

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

// A fact may hold a compiler's lines, which quote foreign text: none begins a line of the prompt.
std::string indented(std::string lines) {
    for (std::size_t at = lines.find('\n'); at != std::string::npos; at = lines.find('\n', at + 1))
        lines.insert(at + 1, "     ");
    return lines;
}

std::string attemptText(const Attempt& attempt, bool isBest, bool withPlan, const Sizes& sizes) {
    // A model's name is what its server says.
    std::string planner = quotedLines(attempt.planner, kMaxPlanner);
    std::ranges::replace(planner, '\n', ' ');
    std::string text = std::to_string(attempt.number) + ". " + planner + ": ";
    if (attempt.measured) {
        text +=
            "accuracy " + format("%.4f", attempt.accuracy) +
            (attempt.full ? " (very likely above " + format("%.4f", attempt.lower90) + ")"
                          : std::string(" in a quick look")) +
            (isBest ? ", THE BEST SO FAR" : "") +
            (attempt.refused ? ", to be edited with \"of\":" + std::to_string(attempt.number) : "");
    } else {
        text += "not measured";
    }
    text += "\n";
    for (const std::string& fact : attempt.facts) {
        text += "   - " + indented(quotedLines(fact, sizes.fact)) + "\n";
    }
    if (withPlan) {
        const std::string plan = quoted(attempt.plan, std::string::npos);
        text += "   plan: " + (plan.size() <= sizes.plan ? plan : "too long to be shown") + "\n";
    }
    return text;
}

// The best first, then what the board refused, then the newest, so that what matters stands at the
// top.
std::string attemptsText(const PromptInput& input, const Sizes& sizes) {
    const std::vector<Attempt>& attempts = input.attempts;
    if (attempts.empty()) return "none";
    std::vector<std::size_t> order;
    for (std::size_t i = attempts.size(); i-- > 0;) order.push_back(i);
    std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) {
        return std::pair(input.best == i, attempts[i].refused);
    });
    std::string text;
    const std::size_t shown = std::min(order.size(), sizes.attempts);
    for (std::size_t place = 0; place < shown; ++place) {
        const std::size_t i = order[place];
        text += attemptText(attempts[i], input.best == i, place < sizes.plans, sizes);
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
        text += quoted(look.query, 300) + "\n<data>\n" + quotedLines(look.answer, sizes.look) +
                "\n</data>\n";
    }
    if (input.looksLeft > 0) {
        return text + "You may take " + std::to_string(input.looksLeft) + " more.";
    }
    return text + "None is left.";
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

Values valuesOf(const PromptInput& input, const Sizes& sizes, std::string card) {
    return {
        {"task", quoted(input.task, kMaxTask)},
        {"wishes", wishesText(input)},
        {"target", targetText(input)},
        {"card", std::move(card)},
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
    return fillTemplate(promptTemplate,
                        valuesOf(input, kWhole, quoted(input.dataCard, kWhole.card)),
                        {"task", "card", "schema", "attempts", "wishes", "looks"});
}

Result<Prompt> compactPlanPrompt(const PromptInput& input, std::string_view promptTemplate) {
    PromptInput brief = input;
    brief.task = cutText(brief.task, kBriefTask);
    brief.advice = cutText(brief.advice, kBriefTask);
    Result<Prompt> prompt;
    for (const Sizes& sizes : kCompact) {
        const std::string card = shortCard(input.dataCard, sizes.card);
        prompt = fillTemplate(promptTemplate, valuesOf(brief, sizes, card),
                              {"task", "card", "attempts", "wishes"});
        if (!prompt || bytesOf(*prompt) <= kCompactBytes) return prompt;
    }
    // What does not fit are facts of the best attempt.
    cutTo(*prompt, kCompactBytes);
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
        "Your reply cannot be used. Send the whole answer again with this fault mended: one JSON "
        "object, nothing else.\nFault: " +
        quoted(fault.message, kMaxFact) + "\n";
    if (!fault.path.empty())
        text += "At (JSON pointer into the plan): " + quoted(fault.path, 200) + "\n";
    if (!fault.hint.empty()) text += "Remedy: " + quoted(fault.hint, kMaxFact) + "\n";
    return {"user", text};
}

}  // namespace tinsmith::plan
