// HTTP for language models: libcurl, driven by the loop.
#pragma once

#include <memory>
#include <string>

#include "daemon/llm/call.hpp"
#include "daemon/llm/reply.hpp"
#include "daemon/loop.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

struct LlmAnswer {
    long status = 0;            // HTTP; 0 = there was none
    std::string problem;        // of the connection, or of the reply
    bool passing = false;       // the problem may go away by itself
    bool timedOut = false;      // it was asked, and gave no whole answer in time or stalled
    std::string body;           // of a refusal
    ReplyReader reply{{}, {}};  // of a success
    std::int64_t retryAfterMs = -1;
};

class LlmTransport {
  public:
    explicit LlmTransport(Loop& loop);
    LlmTransport(const LlmTransport&) = delete;
    LlmTransport& operator=(const LlmTransport&) = delete;
    ~LlmTransport();

    // Redirects are not followed: the key goes to the configured host only. The transfer is closed
    // as soon as the reply is complete or too long. An Error only where libcurl is missing
    // (llm_unavailable) or on cancellation.
    Task<Result<LlmAnswer>> post(LlmCall call, CancelToken cancel);

  private:
    struct Multi;
    Loop& loop_;
    std::unique_ptr<Multi> multi_;  // made at the first call: libcurl costs memory
};

}  // namespace tinsmith::daemon
