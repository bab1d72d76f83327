// How each kind of server wants to be asked.
#pragma once

#include <string>
#include <vector>

#include "daemon/llm/options.hpp"
#include "daemon/llm/reply.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

// What is sent beyond model and messages; a server that refuses a part is not sent it again.
struct LlmExtras {
    bool schema = true;
    bool usage = true;  // stream_options
    bool temperature = true;
    bool maxTokens = true;  // under this name: newer models of OpenAI want max_completion_tokens
};

// One HTTP request.
struct LlmCall {
    std::string url;
    std::vector<std::string> headers;  // the key is in here
    std::string body;
    LlmExtras sent;
    LlmKind kind = LlmKind::openai;
    ReplyLimits limits;
    int timeoutS = 120;
    int stallS = 30;
};

// Leaves out of `extras` what a refusal with status 400 or 422 is about: what it names, else the
// schema, else stream_options. False when `sent` had nothing that could be left out.
bool leaveOut(LlmExtras& extras, const std::string& complaint, const LlmExtras& sent);

// A refusal because the prompt is too long for the model.
[[nodiscard]] bool isAboutContext(const std::string& complaint);

// `messages` are the request's or its compact ones; `maxTokens` what the reply may have.
[[nodiscard]] LlmCall makeCall(const LlmOptions& options, const LlmRequest& request,
                               const std::vector<ChatMessage>& messages, int maxTokens,
                               const LlmExtras& extras);

}  // namespace tinsmith::daemon
