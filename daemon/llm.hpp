// The language-model port: an OpenAI-compatible chat API over libcurl, driven by the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/loop.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

struct LlmOptions {
    std::string url;  // like http://127.0.0.1:11434/v1; empty = none configured
    std::string model;
    std::string key;         // sent as a bearer token; never logged
    int timeoutS = 120;      // of one attempt
    int retries = 4;         // further attempts after 429, 5xx or a connection that failed
    bool jsonSchema = true;  // ask the server to constrain its output
    std::int64_t replyBytes = 4'000'000;
    std::int64_t retryMs = 1000;       // first pause, doubled each time, ± half
    std::int64_t retryMaxMs = 30'000;  // a server's Retry-After is kept to, up to this
};

class CurlLlm : public Llm {
  public:
    CurlLlm(Loop& loop, Clock& clock, LlmOptions options);
    CurlLlm(const CurlLlm&) = delete;
    CurlLlm& operator=(const CurlLlm&) = delete;
    ~CurlLlm() override;

    [[nodiscard]] bool configured() const override { return !options_.url.empty(); }
    [[nodiscard]] std::string model() const override { return options_.model; }
    // Redirects are not followed: the key goes to the configured host only. A reply that is too
    // long, no JSON or without text fails with llm_unavailable and says so.
    Task<Result<LlmReply>> complete(LlmRequest request, CancelToken cancel) override;

  private:
    struct Transport;
    struct Answer {
        long status = 0;  // HTTP; 0 = the connection failed
        std::string body;
        std::string problem;
        std::int64_t retryAfterMs = -1;
    };
    Task<Result<Answer>> post(std::string body, CancelToken cancel);

    Loop& loop_;
    Clock& clock_;
    LlmOptions options_;
    bool schemaRefused_ = false;            // this server does not know response_format
    std::unique_ptr<Transport> transport_;  // made at the first call: libcurl costs memory
};

}  // namespace tinsmith::daemon
