#include "handlers/requests/report_text.hpp"

#include <algorithm>

#include "handlers/requests/figures.hpp"

namespace tinsmith {

namespace {

constexpr std::size_t kPlanBytes = 20'000;

std::string textAt(const Json& object, const char* key) {
    const auto it = object.find(key);
    return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

double numberAt(const Json& object, const char* key) {
    const auto it = object.find(key);
    return it != object.end() && it->is_number() ? it->get<double>() : 0;
}

// One line of a quotation.
std::string quotation(std::string text) {
    std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    return "> " + text + "\n";
}

// A code span; a backtick inside would end it.
std::string span(std::string text) {
    for (char& c : text) {
        if (c == '`' || c == '|' || static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
    return "`" + text + "`";
}

// A block that no fence inside of it can close.
std::string block(const std::string& text, const char* language) {
    std::string fence = "```";
    while (text.find(fence) != std::string::npos) fence += "`";
    return fence + language + "\n" + text + (text.ends_with('\n') ? "" : "\n") + fence + "\n";
}

std::string seconds(const Json& object, const char* key) {
    const auto tenths = static_cast<long>(numberAt(object, key) / 100);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

std::string heading(const Json& report) {
    const Json goal = report.value("goal", Json::object());
    std::string text = "# Job " + textAt(report, "job") + ": " + textAt(report, "verb") + " of " +
                       span(textAt(goal, "model")) + "\n\n";
    if (!textAt(goal, "task").empty()) text += quotation(textAt(goal, "task"));
    if (!textAt(goal, "advice").empty()) text += quotation("Advice: " + textAt(goal, "advice"));
    text += "\nIt " + textAt(report, "state") + " after " + seconds(report, "consumed_ms") + ".";
    if (report.contains("error")) {
        text += " " + textAt(report["error"], "code") + ": " + textAt(report["error"], "message") +
                ". " + textAt(report["error"], "hint") + ".";
    }
    return text + "\n";
}

std::string finalText(const Json& report) {
    const Json result = report.value("result", Json::object());
    if (!result.contains("accuracy")) return "";
    const Json& accuracy = result["accuracy"];
    std::string text = "\n## Result\n\n| figure | value |\n|---|---|\n";
    const auto row = [&](const std::string& name, const std::string& value) {
        text += "| " + name + " | " + value + " |\n";
    };
    row("version", std::to_string(result.value("version", 0)));
    row("accuracy on test windows, int8", percent(numberAt(accuracy, "test")));
    row("accuracy on validation, int8", percent(numberAt(accuracy, "validation")));
    const Json origin = result.value("origin", Json::object());
    if (origin.contains("planner")) row("plan by", span(textAt(origin, "planner")));
    const Json measured = result.value("measured", Json::object());
    if (!measured.empty()) {
        row(result.value("images", Json::array()).empty() ? "image, not signed" : "signed image",
            kilobytes(measured.value("image_bytes", std::uint64_t{0})));
        row("RAM", kilobytes(measured.value("ram_bytes", std::uint64_t{0})));
        const auto instructions =
            static_cast<long>(numberAt(measured.value("instructions", Json::object()), "total"));
        if (instructions > 0) row("instructions a window", std::to_string(instructions));
    }
    row("data", span(textAt(result, "data_digest")));
    row("int8 network", span(textAt(result, "tflite")));
    for (const Json& image : result.value("images", Json::array())) {
        row("image, slot " + textAt(image, "slot"), span(textAt(image, "digest")));
    }
    return text;
}

std::string attemptText(const Json& attempt) {
    std::string text = "\n### " + std::to_string(attempt.value("number", 0)) + ". " +
                       textAt(attempt, "verdict") + ", by " + span(textAt(attempt, "planner"));
    if (attempt.contains("accuracy")) {
        text += ": " + percent(numberAt(attempt, "accuracy")) + " on validation in " +
                seconds(attempt, "ms");
    }
    text += "\n\n" + quotation(textAt(attempt, "reason")) + "\n";
    for (const Json& fact : attempt.value("facts", Json::array())) {
        if (fact.is_string()) text += "- " + span(fact.get<std::string>()) + "\n";
    }
    const std::string plan =
        attempt.value("plan", Json()).dump(1, ' ', false, Json::error_handler_t::replace);
    return text + "\n" + block(plan.substr(0, kPlanBytes), "json");
}

std::string recipeText(const Json& entry) {
    std::string text = "\n- " + span(canonical(entry.value("recipe", Json())));
    if (!textAt(entry, "from").empty()) text += ", by " + span(textAt(entry, "from"));
    if (entry.contains("accuracy"))
        text += ": " + percent(numberAt(entry, "accuracy")) + " on validation";
    const std::string reason = textAt(entry, "reason");
    return text + "\n" + (reason.empty() ? "" : "\n" + quotation(reason));
}

std::string callsText(const Json& calls) {
    if (calls.empty()) return "";
    std::string text =
        "\n## Calls of language models\n\n| call | template | model | tokens in, out | ended | "
        "came to | prompt | reply |\n|---|---|---|---|---|---|---|---|\n";
    for (const Json& call : calls) {
        const std::string verdict =
            call.contains("error") ? textAt(call["error"], "message") : textAt(call, "verdict");
        text += "| " + std::to_string(call.value("call", 0)) + " | " + textAt(call, "template") +
                (call.value("compact", false) ? " (short form)" : "") + " | " +
                span(textAt(call, "model")) + " | " +
                std::to_string(static_cast<long>(numberAt(call, "prompt_tokens"))) + ", " +
                std::to_string(static_cast<long>(numberAt(call, "completion_tokens"))) + " | " +
                textAt(call, "finish") + " | " + span(verdict) + " | " +
                span(textAt(call, "prompt").substr(0, 12)) + " | " +
                span(textAt(call, "reply").substr(0, 12)) + " |\n";
    }
    return text;
}

}  // namespace

std::string reportMarkdown(const Json& report) {
    std::string text = heading(report) + finalText(report);
    const Json data = report.value("data", Json::object());
    if (data.contains("card")) {
        text += "\n## Data\n\n" +
                block(data["card"].dump(1, ' ', false, Json::error_handler_t::replace), "json");
        if (!textAt(data, "plots").empty()) text += "\n" + block(textAt(data, "plots"), "");
    }
    for (const Json& look : report.value("looks", Json::array())) {
        text += "\nA look: " + span(canonical(look.value("query", Json()))) + "\n\n" +
                block(textAt(look, "answer"), "");
    }
    text += callsText(report.value("calls", Json::array()));
    const Json recipes = report.value("recipes", Json::array());
    if (!recipes.empty()) text += "\n## Recipes\n";
    for (const Json& recipe : recipes) text += recipeText(recipe);
    const Json attempts = report.value("attempts", Json::array());
    if (!attempts.empty()) text += "\n## Attempts\n";
    for (const Json& attempt : attempts) text += attemptText(attempt);
    return text;
}

}  // namespace tinsmith
