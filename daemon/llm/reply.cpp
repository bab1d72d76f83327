#include "daemon/llm/reply.hpp"

#include <algorithm>
#include <map>

#include "handlers/flow/json.hpp"
#include "handlers/flow/text.hpp"

namespace tinsmith::daemon {
namespace {

// More than any model uses for one reply. Counts are added up against budgets: a server that counts
// wrongly must neither lower what was spent nor overflow it.
constexpr double kMostTokens = 1e9;
constexpr std::size_t kLongestName = 100;
constexpr std::size_t kLongestComplaint = 300;
constexpr std::size_t kShortestSecret = 8;

const Json& member(const Json& object, const char* name) {
    static const Json none;
    if (!object.is_object()) return none;
    const auto found = object.find(name);
    return found == object.end() ? none : *found;
}

const Json& first(const Json& list) {
    static const Json none;
    return list.is_array() && !list.empty() ? list.front() : none;
}

std::string_view textOf(const Json& value) {
    return value.is_string() ? std::string_view(value.get_ref<const std::string&>())
                             : std::string_view();
}

// The server's own words where it has some.
std::string wordsOf(const Json& error) {
    if (error.is_string()) return error.get<std::string>();
    const std::string_view message = textOf(member(error, "message"));
    return message.empty() ? canonical(error) : std::string(message);
}

}  // namespace

const char* llmKindName(LlmKind kind) {
    constexpr const char* names[] = {"openai", "anthropic", "ollama"};
    return names[static_cast<int>(kind)];
}

bool ReplyReader::feed(std::string_view bytes) {
    if (done_) return false;
    const std::size_t room = limits_.bytes - std::min(taken_, limits_.bytes);
    const bool tooLong = bytes.size() > room;
    taken_ += bytes.size();
    const bool more = splitter_.feed(bytes.substr(0, room),
                                     [this](std::string_view text) { return event(text); });
    if (splitter_.garbage()) fault("its reply is not JSON", false);
    if (more && tooLong) {
        if (text_.empty()) {
            fault("the reply is longer than reply_bytes", false);
        } else {
            finish_ = "cut";
            done_ = true;
        }
    }
    return more && !done_;
}

void ReplyReader::end() {
    if (!done_) splitter_.end([this](std::string_view text) { return event(text); });
    if (!problem_.empty()) return;
    if (finish_.empty()) finish_ = "stop";
    if (!known_) {
        fault(taken_ == 0 ? "its reply is empty" : "its reply is not JSON or has no choices",
              false);
    } else if (!done_ && !ended_) {
        fault("its reply broke off", true);
    } else if (text_.empty()) {
        fault(thought_ > 0 ? "it only thought and said nothing" : "its reply has no text", false);
    }
}

bool ReplyReader::event(std::string_view text) {
    if (kind_ == LlmKind::openai && text == "[DONE]") {
        done_ = true;
        return false;
    }
    const auto json = parseJson(text, limits_.bytes);
    if (!json) {
        fault("its reply is not JSON (" + json.error().message + ")", false);
    } else if (const Json& error = member(*json, "error"); !error.is_null()) {
        fault("it failed while answering: " + wordsOf(error), true);
    } else {
        const std::string_view model = textOf(member(*json, "model"));
        if (!model.empty()) model_ = model.substr(0, kLongestName);
        if (kind_ == LlmKind::openai) readOpenAi(*json);
        if (kind_ == LlmKind::anthropic) readAnthropic(*json);
        if (kind_ == LlmKind::ollama) readOllama(*json);
    }
    return !done_;
}

void ReplyReader::readOpenAi(const Json& json) {
    const Json& choice = first(member(json, "choices"));
    const Json& whole = member(choice, "message");
    const Json& part = whole.is_object() ? whole : member(choice, "delta");
    count(member(json, "usage"), "prompt_tokens", "completion_tokens");
    if (!part.is_object()) return;
    known_ = true;
    think(textOf(member(part, "reasoning_content")));  // llama.cpp, vLLM
    think(textOf(member(part, "reasoning")));          // Ollama, OpenRouter
    say(textOf(member(part, "content")));
    const std::string_view reason = textOf(member(choice, "finish_reason"));
    if (!reason.empty() || whole.is_object()) finished(std::string(reason));
    if (whole.is_object()) done_ = true;
}

void ReplyReader::readAnthropic(const Json& json) {
    const std::string_view type = textOf(member(json, "type"));
    const Json& delta = member(json, "delta");
    if (type == "message") {
        known_ = true;
        count(member(json, "usage"), "input_tokens", "output_tokens");
        if (const Json& blocks = member(json, "content"); blocks.is_array()) {
            for (const Json& block : blocks) anthropicBlock(block);
        }
        finished(std::string(textOf(member(json, "stop_reason"))));
        done_ = true;
    } else if (type == "message_start") {
        known_ = true;
        const Json& message = member(json, "message");
        model_ = textOf(member(message, "model")).substr(0, kLongestName);
        count(member(message, "usage"), "input_tokens", "output_tokens");
    } else if (type == "content_block_delta") {
        say(textOf(member(delta, "text")));
        say(textOf(member(delta, "partial_json")));
        think(textOf(member(delta, "thinking")));
    } else if (type == "message_delta") {
        count(member(json, "usage"), "input_tokens", "output_tokens");
        const std::string_view reason = textOf(member(delta, "stop_reason"));
        if (!reason.empty()) finished(std::string(reason));
    } else if (type == "message_stop") {
        ended_ = done_ = true;
    }
}

// A tool's input is the structured reply.
void ReplyReader::anthropicBlock(const Json& block) {
    const std::string_view type = textOf(member(block, "type"));
    if (type == "text") say(textOf(member(block, "text")));
    if (type == "thinking") think(textOf(member(block, "thinking")));
    if (type == "tool_use") say(canonical(member(block, "input")));
}

void ReplyReader::readOllama(const Json& json) {
    const Json& message = member(json, "message");
    if (message.is_object()) {
        known_ = true;
        think(textOf(member(message, "thinking")));
        say(textOf(member(message, "content")));
    }
    count(json, "prompt_eval_count", "eval_count");
    if (member(json, "done") != true) return;
    finished(std::string(textOf(member(json, "done_reason"))));
    done_ = true;
}

// A model that does not stop is cut between two characters.
void ReplyReader::say(std::string_view text) {
    const std::size_t room = limits_.text - std::min(said(), limits_.text);
    if (finish_ == "cut") return;
    if (text.size() <= room) {
        text_ += text;
        return;
    }
    text_ += cutText(text, room);
    finish_ = "cut";
    ended_ = done_ = true;
}

void ReplyReader::think(std::string_view text) {
    thought_ += text.size();
    if (said() <= limits_.text) return;
    finish_ = "cut";
    ended_ = done_ = true;
}

void ReplyReader::fault(std::string problem, bool passing) {
    problem_ = std::move(problem);
    passing_ = passing;
    done_ = true;
}

void ReplyReader::finished(const std::string& reason) {
    static const std::map<std::string, std::string> words = {
        {"", "stop"},
        {"end_turn", "stop"},
        {"tool_use", "stop"},
        {"tool_calls", "stop"},
        {"stop_sequence", "stop"},
        {"max_tokens", "length"},
        {"model_context_window_exceeded", "length"}};
    ended_ = true;
    if (finish_ == "cut") return;
    const auto known = words.find(reason);
    finish_ = known != words.end() ? known->second : reason.substr(0, kLongestName);
}

void ReplyReader::count(const Json& usage, const char* prompt, const char* completion) {
    const auto number = [&](const char* name) {
        const Json& value = member(usage, name);
        return value.is_number() ? std::clamp(value.get<double>(), 0.0, kMostTokens) : 0.0;
    };
    // Anthropic counts what came out of its cache apart.
    const double sent = std::min(kMostTokens, number(prompt) + number("cache_read_input_tokens") +
                                                  number("cache_creation_input_tokens"));
    const double made = number(completion);
    if (sent > 0) promptTokens_ = static_cast<std::int64_t>(sent);
    if (made > 0) completionTokens_ = static_cast<std::int64_t>(made);
}

std::string complaintOf(const std::string& body) {
    if (const auto json = parseJson(body); json && json->is_object()) {
        for (const char* name : {"error", "message", "detail"}) {
            if (const Json& said = member(*json, name); !said.is_null()) return wordsOf(said);
        }
    }
    return body;
}

std::string withoutSecret(std::string text, const std::string& key) {
    if (key.size() < kShortestSecret) return text;
    for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
        text.replace(at, key.size(), "***");
    }
    return text;
}

std::string asLogText(const std::string& text, const std::string& key) {
    // What is no UTF-8 goes first: without it a key could come together.
    const auto valid = [](const std::string& bytes) {
        const std::string quoted = Json(bytes).dump(-1, ' ', false, Json::error_handler_t::ignore);
        return Json::parse(quoted).get<std::string>();
    };
    std::string line = valid(text);
    std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return valid(withoutSecret(std::move(line), key).substr(0, kLongestComplaint));
}

std::unexpected<Error> unavailable(const std::string& what) {
    return fail(Code::llm_unavailable, "the language model gave no answer: " + what,
                "check url, model and key of [[llm]]; `tinsmith doctor` tries each");
}

}  // namespace tinsmith::daemon
