#include "daemon/llm_reply.hpp"

#include <algorithm>

#include "handlers/flow/json.hpp"

namespace tinsmith::daemon {
namespace {

// More than any model uses for one reply. Counts are added up against budgets: a server that counts
// wrongly must neither lower what was spent nor overflow it.
constexpr double kMostTokens = 1e9;

std::int64_t tokens(const Json& reply, const char* name) {
    const auto usage = reply.find("usage");
    if (usage == reply.end() || !usage->is_object()) return 0;
    const auto count = usage->find(name);
    if (count == usage->end() || !count->is_number()) return 0;
    return static_cast<std::int64_t>(std::clamp(count->get<double>(), 0.0, kMostTokens));
}

std::string textOr(const Json& object, const char* name, const std::string& otherwise) {
    const auto value = object.find(name);
    return value != object.end() && value->is_string() ? value->get<std::string>() : otherwise;
}

}  // namespace

std::unexpected<Error> unavailable(const std::string& what) {
    return fail(Code::llm_unavailable, "the language model gave no answer: " + what,
                "check llm.url, llm.model and the key; `tinsmith doctor` tries them");
}

Result<LlmReply> readReply(const std::string& body, const std::string& model,
                           std::size_t maxBytes) {
    const auto json = parseJson(body, maxBytes);
    if (!json) return unavailable("its reply is not JSON (" + json.error().message + ")");
    const Json::json_pointer first("/choices/0/message");
    if (!json->is_object() || !json->contains(first) || !json->at(first).is_object()) {
        return unavailable("its reply has no choices");
    }
    LlmReply reply;
    reply.text = textOr(json->at(first), "content", "");
    if (reply.text.empty()) return unavailable("its reply has no text");
    reply.model = textOr(*json, "model", model);
    reply.finish = textOr(json->at(Json::json_pointer("/choices/0")), "finish_reason", "");
    reply.promptTokens = tokens(*json, "prompt_tokens");
    reply.completionTokens = tokens(*json, "completion_tokens");
    return reply;
}

std::string complaintOf(const std::string& body) {
    std::string text = body;
    if (const auto json = parseJson(body); json && json->is_object()) {
        const auto error = json->find("error");
        if (error != json->end())
            text = error->is_object() ? textOr(*error, "message", error->dump()) : error->dump();
    }
    return text.substr(0, 300);
}

}  // namespace tinsmith::daemon
