#include "handlers/requests/ask.hpp"

#include <algorithm>
#include <fstream>

#include "handlers/flow/artefacts.hpp"
#include "handlers/flow/text.hpp"
#include "handlers/plan/prompt.hpp"
#include "handlers/plan/quote.hpp"
#include "handlers/plan/reply.hpp"

namespace tinsmith {

namespace {

constexpr std::size_t kTemplateBytes = 100'000;

// Of the budget, until which an answer may come: the rest trains the best plan that there is.
constexpr double kAnswerShare = 0.8;

// Of a useless reply, in the compact form: enough to see what was meant.
constexpr std::size_t kBriefReply = 500;

// `most` bytes of each message that follows the prompt.
std::vector<ChatMessage> chat(const plan::Prompt& prompt, const std::vector<plan::Message>& more,
                              std::size_t most) {
    std::vector<ChatMessage> messages;
    for (const plan::Message& message : prompt.messages)
        messages.push_back({message.role, message.content});
    for (const plan::Message& message : more)
        messages.push_back({message.role, cutText(message.content, most)});
    return messages;
}

Json messagesJson(const std::vector<ChatMessage>& messages) {
    Json json = Json::array();
    for (const ChatMessage& message : messages)
        json.push_back({{"role", message.role}, {"content", message.content}});
    return json;
}

Json spentJson(const LlmSpent& spent) {
    return {{"calls", spent.calls},
            {"prompt_tokens", spent.promptTokens},
            {"completion_tokens", spent.completionTokens}};
}

// A failure is a record, too: replies that broke off have cost something.
Task<Result<Json>> call(Job& job, LlmRequest request, std::string version,
                        std::string compactVersion) {
    World& world = job.world();
    LlmSpent spent;
    Result<LlmReply> reply = co_await world.llm.complete(request, &spent, job.token());
    if (!reply && reply.error().code != Code::llm_unavailable)
        co_return std::unexpected(reply.error());
    const bool compact = reply && reply->compact;
    const Json asked = messagesJson(compact ? request.compact : request.messages);
    const auto prompt = world.artefacts.put(canonical(asked));
    if (!prompt) co_return std::unexpected(prompt.error());
    Json record = spentJson(spent);
    record["template"] = compact ? compactVersion : version;
    record["prompt"] = *prompt;
    if (!reply) {
        record["error"] = toJson(reply.error());
        co_return record;
    }
    const auto text = world.artefacts.put(reply->text);
    if (!text) co_return std::unexpected(text.error());
    record.update({{"reply", *text},
                   {"provider", reply->provider},
                   {"model", reply->model},
                   {"finish", reply->finish},
                   {"compact", reply->compact}});
    co_return record;
}

std::optional<std::string> ownTemplate(const std::filesystem::path& file) {
    std::ifstream in(file);
    if (!in) return std::nullopt;
    std::string text(kTemplateBytes, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

// A prompt is made before each question: the report knows what was said already.
void noteUnused(Job& job, const std::string& file, const Error& fault) {
    Json& unused = job.report()["unused_prompts"];
    if (unused.contains(file)) return;
    unused[file] = toJson(fault);
    job.event("prompt",
              "prompts/" + file + " is not used: " + fault.message + "; the built-in one is",
              toJson(fault));
}

}  // namespace

Result<plan::Prompt> promptOf(Job& job, const std::string& file, std::string_view builtIn,
                              const std::function<Result<plan::Prompt>(std::string_view)>& fill) {
    const auto own = ownTemplate(job.world().settings.shareDir / "prompts" / file);
    if (!own) return fill(builtIn);
    auto prompt = fill(*own);
    if (prompt) return prompt;
    noteUnused(job, file, prompt.error());
    return fill(builtIn);
}

Task<Result<Answer>> askModel(Job& job, Goal goal, Spent& spent, Question question) {
    if (spent.calls >= goal.llmCalls || spent.tokens >= goal.llmTokens) {
        co_return fail(Code::budget_spent, "the language model's calls or tokens are used up");
    }
    LlmRequest request;
    request.messages = chat(question.prompt, question.more, std::string::npos);
    if (question.compact) request.compact = chat(*question.compact, question.more, kBriefReply);
    request.schema = question.schema;
    request.schemaName = question.schemaName;
    const std::int64_t lastMs = msOfBudget(goal, kAnswerShare);
    request.untilMs =
        job.world().clock.steadyMs() + std::max<std::int64_t>(1, lastMs - job.consumedMs());
    const Json inputs = {{"messages", messagesJson(request.messages)}};
    const std::string brief = question.compact ? question.compact->version : "";
    ++spent.calls;
    job.leaveHeavy();  // a model may take minutes, and other jobs have work for the processor
    Result<Json> record =
        co_await job.step("ask", inputs, call(job, request, question.prompt.version, brief));
    Json line = record ? *record : Json{{"error", toJson(record.error())}};
    line["call"] = spent.calls;
    job.report()["calls"].push_back(std::move(line));
    if (!record) co_return std::unexpected(record.error());
    // A prompt that was cut on its way was asked again in its short form.
    spent.calls += std::max(record->value("calls", 1), 1) - 1;
    spent.tokens += record->value("prompt_tokens", std::int64_t{0}) +
                    record->value("completion_tokens", std::int64_t{0});
    if (record->contains("error")) co_return std::unexpected(errorFromJson((*record)["error"]));
    const auto text = job.world().artefacts.read(record->value("reply", ""));
    if (!text) co_return std::unexpected(text.error());
    co_return Answer{*text, record->value("model", ""), record->value("finish", "")};
}

Task<Result<Answer>> askWithRepair(Job& job, Goal goal, Spent& spent, Question question,
                                   std::function<Status(const std::string& text)> read) {
    Error fault;
    for (int round = 0; round < 2; ++round) {
        Result<Answer> answer = co_await askModel(job, goal, spent, question);
        if (!answer) co_return answer;
        const Status useful = read(answer->text);
        noteVerdict(job, useful ? "used" : "useless: " + useful.error().message);
        if (useful) co_return answer;
        fault = useful.error();
        job.event("reply", "the language model's reply is of no use: " + fault.message,
                  toJson(fault));
        question.more = {{"assistant", cutText(answer->text, plan::kMaxReply)},
                         plan::repairMessage(fault)};
    }
    co_return std::unexpected(fault);
}

void noteVerdict(Job& job, const std::string& verdict) {
    Json& calls = job.report()["calls"];
    if (!calls.empty()) calls.back()["verdict"] = verdict;
}

}  // namespace tinsmith
