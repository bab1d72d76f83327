// Finds the plan in what a language model sent. The reply is foreign text: everything here is
// bounded and iterative.
#include <algorithm>
#include <optional>

#include "handlers/plan/prompt.hpp"

namespace tinsmith::plan {
namespace {

constexpr std::size_t kMaxReply = 64 * 1024;
constexpr int kMaxDepth = 16;
constexpr int kMaxCandidates =
    64;  // opening braces that are tried; each costs at most one pass over the reply

// One past the brace that closes the one at `open`, or npos.
std::size_t closing(std::string_view text, std::size_t open) {
    int depth = 0;
    bool inString = false;
    for (std::size_t i = open; i < text.size(); ++i) {
        const char c = text[i];
        if (inString) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                inString = false;
        } else if (c == '"') {
            inString = true;
        } else if (c == '{') {
            ++depth;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return std::string_view::npos;
}

}  // namespace

Result<Json> extractPlan(std::string_view reply) {
    if (reply.size() > kMaxReply) {
        return fail(Code::too_large, "the reply has " + std::to_string(reply.size()) + " bytes",
                    "send only the plan, at most 64 KB");
    }
    // Some models think aloud first; drafts in there are not the answer.
    constexpr std::string_view kThought = "</think>";
    if (const std::size_t end = reply.rfind(kThought); end != std::string_view::npos) {
        reply.remove_prefix(end + kThought.size());
    }
    std::optional<Json>
        other;  // an object that is no plan: better to complain about it than about nothing
    std::optional<Error> fault;
    std::size_t at = reply.find('{');
    for (int tried = 0; at != std::string_view::npos && tried < kMaxCandidates; ++tried) {
        const std::size_t end = closing(reply, at);
        if (end == std::string_view::npos) {
            at = reply.find('{', at + 1);
            continue;
        }
        auto json = parseJson(reply.substr(at, end - at), kMaxReply, kMaxDepth);
        if (json && json->contains("network")) return *json;
        if (json && !other) other = std::move(*json);
        if (!json && !fault) fault = json.error();
        // A whole object was read: its inner ones are parts of it. Text in braces may still hold
        // one.
        at = reply.find('{', json ? end : at + 1);
    }
    if (other) return *other;
    if (fault) {
        return fail(Code::bad_json,
                    "the reply's JSON cannot be read: " + fault->message.substr(0, 200),
                    "send one JSON object without comments or trailing commas");
    }
    return fail(Code::bad_json, "the reply holds no JSON object",
                "send the plan as one JSON object");
}

}  // namespace tinsmith::plan
