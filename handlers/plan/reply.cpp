#include "handlers/plan/reply.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "handlers/flow/text.hpp"
#include "handlers/plan/quote.hpp"

namespace tinsmith::plan {
namespace {

constexpr int kMaxDepth = 16;
constexpr int kMaxCandidates =
    64;  // opening braces that are tried; each costs at most one pass over the reply

// One object of the reply, as strict JSON.
struct Braced {
    std::string text;
    std::size_t end = 0;  // one past its closing brace
};

// Where the comment that begins at `at` ends; `at` itself where none begins there.
std::size_t pastComment(std::string_view text, std::size_t at) {
    const std::string_view start = text.substr(at, 2);
    if (start == "//") return std::min(text.find('\n', at), text.size());
    if (start != "/*") return at;
    const std::size_t end = text.find("*/", at + 2);
    return end == std::string_view::npos ? text.size() : end + 2;
}

// The object that begins with the brace at `open`, without comments and trailing commas, which
// models do write; nothing where no brace closes it.
std::optional<Braced> objectAt(std::string_view text, std::size_t open) {
    Braced object;
    int depth = 0;
    bool inString = false;
    std::size_t comma = std::string::npos;  // in object.text, with nothing but space after it
    for (std::size_t i = open; i < text.size(); ++i) {
        const char c = text[i];
        if (inString) {
            object.text += c;
            if (c == '\\' && i + 1 < text.size()) object.text += text[++i];
            inString = c != '"';
            continue;
        }
        if (const std::size_t past = pastComment(text, i); past > i) {
            i = past - 1;
            continue;
        }
        const bool closes = c == '}' || c == ']';
        if (closes && comma != std::string::npos) object.text[comma] = ' ';
        if (c == ',')
            comma = object.text.size();
        else if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            comma = std::string::npos;
        object.text += c;
        inString = c == '"';
        if (c == '{') ++depth;
        if (c == '}' && --depth == 0) {
            object.end = i + 1;
            return object;
        }
    }
    return std::nullopt;
}

// Whether text that is no JSON was meant to be the answer: then its own fault is worth more than
// an object that is found inside of it.
bool names(std::string_view text, std::initializer_list<const char*> keys) {
    return std::ranges::any_of(keys, [&](const char* key) {
        return text.find("\"" + std::string(key) + "\"") != std::string_view::npos;
    });
}

// The attempt that an edit's "of" names; 0 = the best one. A number beyond any attempt's must not
// overflow on its way.
std::optional<int> attemptOf(const Json& of) {
    constexpr std::int64_t kMost = 1 << 20;
    if (of == "best") return 0;
    std::int64_t number = 0;
    if (of.is_number_integer()) number = of.get<std::int64_t>();
    if (of.is_string()) {
        const auto text = of.get<std::string>();
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    }
    if (number <= 0) return std::nullopt;
    return static_cast<int>(std::min(number, kMost));
}

std::string reasonOf(const Json& json) {
    const auto it = json.find("reason");
    if (it == json.end() || !it->is_string()) return "";
    return cutText(it->get<std::string>(), kMaxReason);
}

}  // namespace

Result<Json> extractObject(std::string_view reply, std::initializer_list<const char*> keys) {
    if (reply.size() > kMaxReply) {
        return fail(Code::too_large, "the reply has " + std::to_string(reply.size()) + " bytes",
                    "send only the JSON object, at most 64 KB");
    }
    // Some models think aloud first; drafts in there are not the answer.
    constexpr std::string_view kThought = "</think>";
    if (const std::size_t end = reply.rfind(kThought); end != std::string_view::npos) {
        reply.remove_prefix(end + kThought.size());
    }
    // An object that is not what was asked for: better to complain about it than about nothing.
    std::optional<Json> other;
    std::optional<Error> fault;
    bool faultIsTheAnswers = false;
    std::size_t at = reply.find('{');
    for (int tried = 0; at != std::string_view::npos && tried < kMaxCandidates; ++tried) {
        const auto object = objectAt(reply, at);
        if (!object) {
            at = reply.find('{', at + 1);
            continue;
        }
        auto json = parseJson(object->text, kMaxReply, kMaxDepth);
        if (json && std::ranges::any_of(keys, [&](const char* key) { return json->contains(key); }))
            return *json;
        if (json && !other) other = std::move(*json);
        if (!json && !faultIsTheAnswers) {
            faultIsTheAnswers = names(object->text, keys);
            if (!fault || faultIsTheAnswers) fault = json.error();
        }
        // A whole object was read: its inner ones are parts of it. Text in braces may still hold
        // one.
        at = reply.find('{', json ? object->end : at + 1);
    }
    if (other && !faultIsTheAnswers) return *other;
    if (fault) {
        return fail(
            Code::bad_json, "the reply's JSON cannot be read: " + fault->message.substr(0, 200),
            "send one JSON object and nothing else: no comments, every string in double quotes");
    }
    return fail(Code::bad_json, "the reply holds no whole JSON object",
                "send one JSON object, short enough to end before the token limit");
}

Result<Reply> readReply(std::string_view text) {
    auto json = extractObject(text, {"network", "edit", "look"});
    if (!json) return std::unexpected(json.error());
    Reply reply;
    reply.reason = reasonOf(*json);
    if (json->contains("network")) {
        reply.json = std::move(*json);
        return reply;
    }
    if (const auto edit = json->find("edit"); edit != json->end()) {
        if (!edit->is_object() || edit->empty()) {
            return fail(Code::schema, "an edit is an object of what changes, and not empty",
                        R"(like {"edit": {"/network/0/filters": 24}, "reason": "..."})", "/edit");
        }
        const auto of = json->find("of");
        if (of != json->end()) {
            const auto attempt = attemptOf(*of);
            if (!attempt) {
                return fail(Code::schema, "\"of\" names no attempt", "its number, or \"best\"",
                            "/of");
            }
            reply.of = *attempt;
        }
        reply.kind = Reply::Kind::edit;
        reply.json = *edit;
        return reply;
    }
    if (json->contains("look")) {
        json->erase("reason");
        reply.kind = Reply::Kind::look;
        reply.json = std::move(*json);
        return reply;
    }
    // No plan, but what is missing is best said by the plan's schema.
    reply.json = std::move(*json);
    return reply;
}

namespace {

// Takes out what an edit marked. Marked first and taken out at the end, so that all of its places
// mean the plan as it was.
void dropMarked(Json& value) {
    if (!value.is_structured()) return;
    for (auto it = value.begin(); it != value.end();) {
        if (it->is_discarded()) {
            it = value.erase(it);
        } else {
            dropMarked(*it);
            ++it;
        }
    }
}

}  // namespace

Result<Json> edited(Json plan, const Json& edit) {
    Json merge = Json::object();
    for (const auto& [key, value] : edit.items()) {
        if (!key.starts_with("/")) merge[key] = value;
    }
    plan.merge_patch(merge);
    for (const auto& [key, value] : edit.items()) {
        if (!key.starts_with("/")) continue;
        try {
            const Json::json_pointer place(key);
            const Json::json_pointer parent = place.parent_pointer();
            const bool exists = plan.contains(place);
            if (!plan.contains(parent) || !plan.at(parent).is_structured() ||
                (plan.at(parent).is_array() && !exists)) {
                return fail(Code::schema, "the edit names a place that the plan does not have",
                            "name a place as in the attempt's plan, or send whole lists", key);
            }
            if (!value.is_null() || exists)
                plan[place] = value.is_null() ? Json(Json::value_t::discarded) : value;
        } catch (const std::exception&) {
            return fail(Code::schema,
                        "the edit's \"" + key.substr(0, 100) + "\" is no JSON pointer",
                        "like /network/0/filters");
        }
    }
    dropMarked(plan);
    return plan;
}

}  // namespace tinsmith::plan
