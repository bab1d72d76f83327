// One language model of the chain: its attempts, what it has refused, its breaker and its day.
#pragma once

#include <limits>
#include <string>

#include "daemon/llm/breaker.hpp"
#include "daemon/llm/call.hpp"
#include "daemon/llm/ledger.hpp"
#include "daemon/llm/options.hpp"
#include "daemon/llm/transport.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

class LlmProvider {
  public:
    // `journal` may be null: then the day's counts are not kept.
    LlmProvider(LlmTransport& transport, Clock& clock, Journal* journal, LlmOptions options);

    [[nodiscard]] const LlmOptions& options() const { return options_; }
    [[nodiscard]] LlmHealth health() const;
    // Why it is not to be asked now; empty = ask.
    [[nodiscard]] std::string away() const;

    // Retries what may pass. `spent` outlives the call and is added to. Fails with llm_unavailable,
    // whose message is this provider's problem alone, or cancelled.
    Task<Result<LlmReply>> ask(LlmRequest request, LlmSpent* spent, CancelToken cancel);

  private:
    // The request in the form and with the room for a reply that the context allows.
    struct Shape {
        bool compact = false;
        int maxTokens = 0;
    };
    [[nodiscard]] Shape shapeOf(const LlmRequest& request, bool compact) const;
    [[nodiscard]] bool spentToday() const;
    [[nodiscard]] std::int64_t leftMs(const LlmRequest& request) const;
    static Error noTimeLeft();
    LlmReply readReply(const LlmAnswer& answer, const std::vector<ChatMessage>& sent);
    bool looksTruncated(const LlmAnswer& answer, const std::vector<ChatMessage>& sent);
    void book(LlmSpent& spent, std::int64_t prompt, std::int64_t completion);
    Error failed(const std::string& problem, bool hopeless);

    LlmTransport& transport_;
    Clock& clock_;
    LlmOptions options_;
    Breaker breaker_;
    LlmLedger ledger_;
    LlmExtras extras_;
    // The least that the server took of a longer prompt: longer ones are compact from then on.
    std::int64_t held_ = std::numeric_limits<std::int64_t>::max();
    bool warnedOfTruncation_ = false;
    std::string lastError_;
};

}  // namespace tinsmith::daemon
