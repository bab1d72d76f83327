#include "handlers/plan/prompt_template.hpp"

#include <algorithm>

#include "handlers/flow/text.hpp"

namespace tinsmith::plan {

namespace {

constexpr std::string_view kSplit = "\n=== user ===\n";
constexpr std::string_view kHead = "prompt ";
constexpr std::string_view kVersion = ", version ";

Result<std::string> fill(std::string_view text, const Values& values) {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t open = text.find("{{", at);
        if (open == std::string_view::npos) break;
        const std::size_t close = text.find("}}", open);
        if (close == std::string_view::npos) break;
        const std::string_view name = text.substr(open + 2, close - open - 2);
        const auto value =
            std::ranges::find_if(values, [&](const auto& pair) { return pair.first == name; });
        out += text.substr(at, open - at);
        if (value == values.end()) {
            std::string known;
            for (const auto& pair : values) known += (known.empty() ? "" : ", ") + pair.first;
            return fail(Code::bad_data,
                        "the prompt template names an unknown placeholder " + std::string(name),
                        "use one of " + known);
        }
        out += value->second;
        at = close + 2;
    }
    out += text.substr(at);
    return out;
}

// "prompt plan, version 2" to "plan 2".
Result<std::string> versionOf(std::string_view line) {
    const std::size_t comma = line.find(kVersion);
    if (!line.starts_with(kHead) || comma == std::string_view::npos) {
        return fail(Code::bad_data, "the prompt template does not begin with its name and version",
                    "let its first line be like: prompt plan, version 1");
    }
    return std::string(line.substr(kHead.size(), comma - kHead.size())) + " " +
           std::string(line.substr(comma + kVersion.size()));
}

}  // namespace

Result<Prompt> fillTemplate(std::string_view text, const Values& values,
                            const std::vector<std::string>& needed) {
    const std::size_t line = text.find('\n');
    auto version = versionOf(text.substr(0, line));
    if (!version) return std::unexpected(version.error());
    const std::size_t split = text.find(kSplit);
    if (split == std::string_view::npos) {
        return fail(
            Code::bad_data, "the prompt template has no line \"=== user ===\"",
            "what stands before it is the system message, what follows is the user message");
    }
    for (const std::string& name : needed) {
        if (text.find("{{" + name + "}}") == std::string_view::npos) {
            return fail(Code::bad_data, "the prompt template lacks {{" + name + "}}", "add it");
        }
    }
    auto system = fill(text.substr(line + 1, split - line - 1), values);
    if (!system) return std::unexpected(system.error());
    auto user = fill(text.substr(split + kSplit.size()), values);
    if (!user) return std::unexpected(user.error());
    return Prompt{*version, {{"system", *system}, {"user", *user}}};
}

std::size_t bytesOf(const Prompt& prompt) {
    std::size_t bytes = 0;
    for (const Message& message : prompt.messages) bytes += message.content.size();
    return bytes;
}

void cutTo(Prompt& prompt, std::size_t most) {
    const std::size_t bytes = bytesOf(prompt);
    if (bytes <= most) return;
    std::string& last = prompt.messages.back().content;
    last = cutText(last, last.size() - std::min(last.size(), bytes - most));
}

}  // namespace tinsmith::plan
