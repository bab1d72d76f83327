#include "handlers/plan/prompt.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tinsmith::plan {
namespace {

constexpr std::string_view kSplit = "=== user ===";
constexpr std::size_t kMaxTask = 2000;
constexpr std::size_t kMaxCard = 12000;
constexpr std::size_t kMaxAttempts = 8;
constexpr std::size_t kMaxNote = 400;

std::string quoted(const Json& value, std::size_t most) {
    std::string text = canonical(value);
    if (text.size() > most) {
        text.resize(most);
        // Not in the middle of a UTF-8 character.
        while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80)
            text.pop_back();
        if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
        text += "… (cut)";
    }
    // Nobody's text may close the tag that it stands in.
    for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
        text.replace(at, 1, "\\u003c");
    }
    return text;
}

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

std::string attemptsText(const std::vector<Attempt>& attempts) {
    if (attempts.empty()) return "none";
    std::string text;
    const std::size_t from = attempts.size() > kMaxAttempts ? attempts.size() - kMaxAttempts : 0;
    for (std::size_t i = from; i < attempts.size(); ++i) {
        const Attempt& attempt = attempts[i];
        text += std::to_string(i + 1) + ". accuracy " + format("%.4f", attempt.accuracy) +
                " (very likely above " + format("%.4f", attempt.lower90) + ")";
        if (!attempt.note.empty()) text += ", " + quoted(attempt.note, kMaxNote);
        text += "\n   " + quoted(attempt.plan, 6000) + "\n";
    }
    return text;
}

// One pass from left to right, so that a placeholder inside a value stays what it is: text.
Result<std::string> fill(std::string_view text,
                         const std::vector<std::pair<std::string, std::string>>& values) {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t open = text.find("{{", at);
        if (open == std::string_view::npos) break;
        const std::size_t close = text.find("}}", open);
        if (close == std::string_view::npos) break;
        const std::string_view name = text.substr(open + 2, close - open - 2);
        const auto value = std::find_if(values.begin(), values.end(),
                                        [&](const auto& pair) { return pair.first == name; });
        out += text.substr(at, open - at);
        if (value == values.end()) {
            return fail(Code::bad_data,
                        "the prompt template names an unknown placeholder " + std::string(name),
                        "use task, target, card, window, board, costs, schema or attempts");
        }
        out += value->second;
        at = close + 2;
    }
    out += text.substr(at);
    return out;
}

}  // namespace

Result<std::vector<Message>> renderPrompt(const PromptInput& input,
                                          std::string_view promptTemplate) {
    const std::size_t split = promptTemplate.find(kSplit);
    if (split == std::string_view::npos) {
        return fail(
            Code::bad_data, "the prompt template has no line \"=== user ===\"",
            "what stands before it is the system message, what follows is the user message");
    }
    for (const char* needed : {"{{task}}", "{{card}}", "{{schema}}", "{{attempts}}"}) {
        if (promptTemplate.find(needed) == std::string_view::npos) {
            return fail(Code::bad_data, std::string("the prompt template lacks ") + needed,
                        "add it");
        }
    }
    const WindowShape& window = input.window;
    const std::vector<std::pair<std::string, std::string>> values = {
        {"task", quoted(input.task, kMaxTask)},
        {"target", input.targetAccuracy > 0
                       ? "validation accuracy of at least " + format("%.4f", input.targetAccuracy) +
                             ", with its lower 90 % bound"
                       : std::string("the best validation accuracy that fits the board")},
        {"card", quoted(input.dataCard, kMaxCard)},
        {"window", "[" + std::to_string(window.length) + " samples, " +
                       std::to_string(window.channels) + " channels], " +
                       std::to_string(window.classes) + " classes"},
        {"board", boardText(input.limits)},
        {"costs", costText(input.limits)},
        {"schema", std::string(schemaText())},
        {"attempts", attemptsText(input.attempts)},
    };
    auto system = fill(promptTemplate.substr(0, split), values);
    if (!system) return std::unexpected(system.error());
    auto user = fill(promptTemplate.substr(split + kSplit.size()), values);
    if (!user) return std::unexpected(user.error());
    return std::vector<Message>{{"system", *system}, {"user", *user}};
}

Message renderRepair(const Error& fault) {
    std::string text =
        "Your reply cannot be used.\nFault: " + quoted(fault.message, kMaxNote) + "\n";
    if (!fault.path.empty())
        text += "At (JSON pointer into your plan): " + quoted(fault.path, 200) + "\n";
    if (!fault.hint.empty()) text += "Remedy: " + quoted(fault.hint, kMaxNote) + "\n";
    text += "Send the whole plan again with this fault mended: one JSON object, nothing else.";
    return {"user", text};
}

}  // namespace tinsmith::plan
