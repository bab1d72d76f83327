// One provider of the chain as the settings describe it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tinsmith::daemon {

enum class LlmKind {
    openai,     // POST …/chat/completions: OpenAI, llama.cpp server, vLLM, LM Studio, Ollama's /v1
    anthropic,  // POST …/v1/messages
    ollama,     // POST …/api/chat: the only way to tell Ollama how long its context shall be
};

struct LlmOptions {
    std::string name;  // in logs and health; the settings make it the model's where it is empty
    LlmKind kind = LlmKind::openai;
    std::string url;  // like http://127.0.0.1:11434/v1
    std::string model;
    std::string key;  // never logged
    std::filesystem::path keyFile;
    std::string keyCredential = "auto";
    std::string keyVariable = "auto";
    int timeoutS = 120;  // of one attempt
    int stallS = 30;     // without a byte, once an answer has begun
    int retries = 4;     // further attempts after 429, 5xx or a connection that failed
    bool stream = true;
    bool jsonSchema = true;  // ask the server to constrain its output
    int contextTokens = 16384;
    int maxTokens = 4096;  // of one reply
    std::int64_t replyBytes = 4'000'000;
    std::int64_t callsPerDay = 0;  // 0 = no limit
    std::int64_t tokensPerDay = 0;
    int failures = 5;                  // in a row open the breaker
    std::int64_t pauseS = 30;          // of an open breaker, doubled each time
    std::int64_t pauseMaxS = 1800;     // at once after a wrong key or an unknown model
    std::int64_t retryMs = 1000;       // first pause between attempts, doubled each time, ± half
    std::int64_t retryMaxMs = 30'000;  // a server's Retry-After is kept to, up to this
};

// "openai", "anthropic", "ollama".
[[nodiscard]] const char* llmKindName(LlmKind kind);

}  // namespace tinsmith::daemon
