#include "daemon/llm/call.hpp"

#include <algorithm>

#include "daemon/llm/tokens.hpp"
#include "handlers/flow/json.hpp"

namespace tinsmith::daemon {

namespace {

Json messagesJson(const std::vector<ChatMessage>& messages) {
    Json list = Json::array();
    for (const ChatMessage& message : messages) {
        list.push_back({{"role", message.role}, {"content", message.content}});
    }
    return list;
}

Json openAiBody(const LlmOptions& options, const LlmRequest& request,
                const std::vector<ChatMessage>& messages, int maxTokens, const LlmExtras& sent) {
    Json body = {
        {"model", options.model}, {"messages", messagesJson(messages)}, {"stream", options.stream}};
    body[sent.maxTokens ? "max_tokens" : "max_completion_tokens"] = maxTokens;
    if (sent.temperature) body["temperature"] = request.temperature;
    if (sent.usage) body["stream_options"] = {{"include_usage", true}};
    if (sent.schema) {
        body["response_format"] = {
            {"type", "json_schema"},
            {"json_schema", {{"name", request.schemaName}, {"schema", request.schema}}}};
    }
    return body;
}

// The system's words are a field of their own, and a schema is the input of a tool that must be
// called.
Json anthropicBody(const LlmOptions& options, const LlmRequest& request,
                   const std::vector<ChatMessage>& messages, int maxTokens, const LlmExtras& sent) {
    std::string system;
    std::vector<ChatMessage> talk;
    for (const ChatMessage& message : messages) {
        if (message.content.empty()) continue;  // is refused
        if (message.role == "system") {
            system += (system.empty() ? "" : "\n\n") + message.content;
        } else {
            talk.push_back(message);
        }
    }
    Json body = {{"model", options.model},
                 {"messages", messagesJson(talk)},
                 {"max_tokens", maxTokens},
                 {"stream", options.stream}};
    if (!system.empty()) body["system"] = system;
    if (sent.temperature) body["temperature"] = std::min(request.temperature, 1.0);
    if (sent.schema) {
        body["tools"] = Json::array({{{"name", request.schemaName},
                                      {"description", "Takes the answer in its final form."},
                                      {"input_schema", request.schema}}});
        body["tool_choice"] = {{"type", "tool"}, {"name", request.schemaName}};
    }
    return body;
}

Json ollamaBody(const LlmOptions& options, const LlmRequest& request,
                const std::vector<ChatMessage>& messages, int maxTokens, const LlmExtras& sent) {
    Json body = {{"model", options.model},
                 {"messages", messagesJson(messages)},
                 {"stream", options.stream},
                 {"options", {{"num_ctx", options.contextTokens}, {"num_predict", maxTokens}}}};
    if (sent.temperature) body["options"]["temperature"] = request.temperature;
    if (sent.schema) {
        body["format"] = request.schema;
    }
    return body;
}

// Where requests go, whether the setting ends with the version or not.
std::string address(const LlmOptions& options) {
    std::string url = options.url;
    while (url.ends_with('/')) url.pop_back();
    switch (options.kind) {
        case LlmKind::openai:
            return url + "/chat/completions";
        case LlmKind::anthropic:
            return url + (url.ends_with("/v1") ? "/messages" : "/v1/messages");
        case LlmKind::ollama:
            for (const std::string_view end : {"/v1", "/api"}) {
                if (url.ends_with(end)) url.resize(url.size() - end.size());
            }
            return url + "/api/chat";
    }
    return url;
}

bool names(const std::string& text, std::initializer_list<const char*> words) {
    return std::ranges::any_of(words, [&](const char* word) { return text.contains(word); });
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return text;
}

}  // namespace

bool leaveOut(LlmExtras& extras, const std::string& complaint, const LlmExtras& sent) {
    const std::string text = lower(complaint);
    const auto drop = [](bool& part) {
        part = false;
        return true;
    };
    if (sent.maxTokens && names(text, {"max_completion_tokens"})) return drop(extras.maxTokens);
    if (sent.temperature && names(text, {"temperature"})) return drop(extras.temperature);
    if (sent.usage && names(text, {"stream_options", "include_usage"})) return drop(extras.usage);
    if (sent.schema) return drop(extras.schema);
    return sent.usage && drop(extras.usage);
}

bool isAboutContext(const std::string& complaint) {
    return names(lower(complaint), {"context", "too long", "too many tokens"});
}

LlmCall makeCall(const LlmOptions& options, const LlmRequest& request,
                 const std::vector<ChatMessage>& messages, int maxTokens, const LlmExtras& extras) {
    LlmCall call;
    const bool openAi = options.kind == LlmKind::openai;
    call.sent.schema = options.jsonSchema && extras.schema && !request.schema.is_null();
    call.sent.usage = openAi && options.stream && extras.usage;
    call.sent.temperature = extras.temperature;
    call.sent.maxTokens = openAi && extras.maxTokens;
    call.url = address(options);
    call.kind = options.kind;
    call.limits = {static_cast<std::size_t>(options.replyBytes), mostBytes(maxTokens)};
    call.timeoutS = options.timeoutS;
    call.stallS = options.stallS;
    call.headers = {"Content-Type: application/json", "Expect:"};
    if (options.kind == LlmKind::anthropic) {
        call.headers.emplace_back("anthropic-version: 2023-06-01");
        if (!options.key.empty()) call.headers.push_back("x-api-key: " + options.key);
    } else if (!options.key.empty()) {
        call.headers.push_back("Authorization: Bearer " + options.key);
    }
    const auto body = openAi                               ? openAiBody
                      : options.kind == LlmKind::anthropic ? anthropicBody
                                                           : ollamaBody;
    call.body = canonical(body(options, request, messages, maxTokens, call.sent));
    return call;
}

}  // namespace tinsmith::daemon
