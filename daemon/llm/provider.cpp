#include "daemon/llm/provider.hpp"

#include <algorithm>
#include <utility>

#include "daemon/backoff.hpp"
#include "daemon/llm/tokens.hpp"
#include "daemon/log.hpp"

namespace tinsmith::daemon {

namespace {

// Room for a reply that is kept however long the prompt is.
constexpr std::int64_t kLeastReply = 256;
// Shorter prompts are not judged: few tokens are counted very differently.
constexpr std::int64_t kLeastJudged = 500;
// Contexts that servers set by themselves are multiples of this.
constexpr std::int64_t kRoundContext = 1024;

// Takes back a try of the breaker that ended without a verdict, with its coroutine say.
class TryGuard {
  public:
    explicit TryGuard(Breaker& breaker) : breaker_(breaker), isTry_(breaker.begin()) {}
    TryGuard(const TryGuard&) = delete;
    TryGuard& operator=(const TryGuard&) = delete;
    ~TryGuard() { breaker_.ended(isTry_); }
    [[nodiscard]] bool isTry() const { return isTry_; }

  private:
    Breaker& breaker_;
    bool isTry_;
};

bool mayPass(const LlmAnswer& answer) {
    if (answer.timedOut) return false;
    return answer.passing || answer.status == 408 || answer.status == 429 || answer.status >= 500;
}

}  // namespace

LlmProvider::LlmProvider(LlmTransport& transport, Clock& clock, Journal* journal,
                         LlmOptions options)
    : transport_(transport),
      clock_(clock),
      options_(std::move(options)),
      breaker_(clock, options_.failures, options_.pauseS * 1000, options_.pauseMaxS * 1000),
      ledger_(clock, journal, options_.name) {}

LlmHealth LlmProvider::health() const {
    LlmHealth health;
    health.name = options_.name;
    health.kind = llmKindName(options_.kind);
    health.model = options_.model;
    health.state = breakerStateName(breaker_.state());
    health.sinceMs = breaker_.sinceMs();
    health.lastError = lastError_;
    health.calls = ledger_.calls();
    health.tokens = ledger_.tokens();
    health.spent = spentToday();
    return health;
}

bool LlmProvider::spentToday() const {
    return (options_.callsPerDay > 0 && ledger_.calls() >= options_.callsPerDay) ||
           (options_.tokensPerDay > 0 && ledger_.tokens() >= options_.tokensPerDay);
}

std::string LlmProvider::away() const {
    if (spentToday()) return "its calls or tokens of this day are used up";
    if (breaker_.allows()) return {};
    const std::int64_t left = breaker_.leftMs();
    if (left == 0) return "it is being tried again after failures";
    return "not asked for another " + std::to_string((left + 999) / 1000) + " s after " +
           lastError_;
}

LlmProvider::Shape LlmProvider::shapeOf(const LlmRequest& request, bool compact) const {
    Shape shape;
    const std::int64_t wanted = request.maxTokens > 0
                                    ? std::min(request.maxTokens, options_.maxTokens)
                                    : options_.maxTokens;
    const std::int64_t whole = estimatedTokens(request.messages);
    const bool tooLong = whole + wanted > options_.contextTokens || whole > held_;
    shape.compact = !request.compact.empty() && (compact || tooLong);
    const std::int64_t prompt = shape.compact ? estimatedTokens(request.compact) : whole;
    const std::int64_t room = std::max(options_.contextTokens - prompt, kLeastReply);
    shape.maxTokens = static_cast<int>(std::min(wanted, room));
    return shape;
}

LlmReply LlmProvider::readReply(const LlmAnswer& answer, const std::vector<ChatMessage>& sent) {
    const ReplyReader& read = answer.reply;
    LlmReply reply;
    reply.text = withoutSecret(read.text(), options_.key);
    reply.provider = options_.name;
    reply.model = read.model().empty() ? options_.model : asLogText(read.model(), options_.key);
    reply.finish = asLogText(read.finish(), options_.key);
    reply.promptTokens = read.promptTokens().value_or(estimatedTokens(sent));
    reply.completionTokens = read.completionTokens().value_or(estimatedTokens(read.said()));
    return reply;
}

// A server that took far fewer tokens than were sent, or exactly as many as a context of a round
// size holds, has cut the prompt and says nothing.
bool LlmProvider::looksTruncated(const LlmAnswer& answer, const std::vector<ChatMessage>& sent) {
    const auto taken = answer.reply.promptTokens();
    const std::int64_t least = leastTokens(sent);
    if (!taken || least < kLeastJudged) return false;
    const bool filled = *taken % kRoundContext == 0 && *taken < least;
    if (!filled && *taken >= least / 2) return false;
    held_ = std::min(held_, *taken);
    if (!std::exchange(warnedOfTruncation_, true)) {
        log(Level::warning, "language model " + options_.name + " took " + std::to_string(*taken) +
                                " tokens of a prompt of about " + std::to_string(least) +
                                ": it cuts prompts silently. Its server needs a longer context;"
                                " with Ollama use kind = \"ollama\" and context_tokens");
    }
    return true;
}

void LlmProvider::book(LlmSpent& spent, std::int64_t prompt, std::int64_t completion) {
    ++spent.calls;
    spent.promptTokens += prompt;
    spent.completionTokens += completion;
    ledger_.add(1, prompt + completion);
}

Error LlmProvider::noTimeLeft() {
    return {Code::llm_unavailable, "no answer in the time that there was for it", "", ""};
}

Error LlmProvider::failed(const std::string& problem, bool hopeless) {
    lastError_ = problem;
    const auto before = breaker_.state();
    breaker_.failed(hopeless);
    if (before != Breaker::State::open && breaker_.state() == Breaker::State::open) {
        log(Level::warning, "language model " + options_.name + " is not asked for " +
                                std::to_string(breaker_.leftMs() / 1000) + " s: " + problem);
    }
    return {Code::llm_unavailable, problem, "", ""};
}

// Milliseconds until a reply is of no use any more.
std::int64_t LlmProvider::leftMs(const LlmRequest& request) const {
    return request.untilMs == 0 ? std::numeric_limits<std::int64_t>::max()
                                : request.untilMs - clock_.steadyMs();
}

Task<Result<LlmReply>> LlmProvider::ask(LlmRequest request, LlmSpent* spent, CancelToken cancel) {
    const TryGuard guard(breaker_);
    std::int64_t pause = options_.retryMs;
    bool compact = false;
    int retries = guard.isTry() ? 0 : options_.retries;
    for (;;) {
        const Shape shape = shapeOf(request, compact);
        const std::vector<ChatMessage>& sent = shape.compact ? request.compact : request.messages;
        LlmCall call = makeCall(options_, request, sent, shape.maxTokens, extras_);
        const std::int64_t left = leftMs(request);
        if (left <= 0) co_return std::unexpected(noTimeLeft());
        const bool hurried = left < call.timeoutS * std::int64_t{1000};
        if (hurried) call.timeoutS = static_cast<int>((left + 999) / 1000);
        Result<LlmAnswer> answer = co_await transport_.post(call, cancel);
        if (!answer) {
            // The server may have worked on it all the same.
            if (answer.error().code == Code::cancelled) book(*spent, estimatedTokens(sent), 0);
            co_return std::unexpected(answer.error());
        }
        const bool taken = answer->status / 100 == 2;
        if (taken || answer->timedOut) {
            LlmReply reply = readReply(*answer, sent);
            book(*spent, reply.promptTokens, reply.completionTokens);
            if (taken && answer->problem.empty()) {
                breaker_.succeeded();
                lastError_.clear();
                const bool truncated = looksTruncated(*answer, sent);
                if (truncated && !shape.compact && !request.compact.empty() && !spentToday()) {
                    compact = true;
                    continue;
                }
                reply.compact = shape.compact;
                co_return reply;
            }
        }
        // It may be slow, but nobody knows: others have more time.
        if (answer->timedOut && hurried) co_return std::unexpected(noTimeLeft());
        const std::string complaint = complaintOf(answer->body);
        const std::string said = asLogText(complaint, options_.key);
        const bool refusal =
            answer->status == 400 || answer->status == 413 || answer->status == 422;
        if (refusal && isAboutContext(complaint) && !shape.compact && !request.compact.empty()) {
            log(Level::info, "language model " + options_.name + ": " + said +
                                 "; asking with the compact prompt");
            compact = true;
            continue;
        }
        if (refusal && !isAboutContext(complaint) && leaveOut(extras_, complaint, call.sent)) {
            log(Level::info, "language model " + options_.name + ": " + said +
                                 "; asking without what it does not take");
            continue;
        }
        const bool hopeless =
            answer->status == 401 || answer->status == 403 || answer->status == 404;
        const std::string problem = !answer->problem.empty()
                                        ? asLogText(answer->problem, options_.key)
                                        : "HTTP " + std::to_string(answer->status) + ": " + said;
        const Error error = failed(problem, hopeless);
        if (retries-- <= 0 || !mayPass(*answer) || !away().empty()) {
            co_return std::unexpected(error);
        }
        const std::int64_t wait = answer->retryAfterMs >= 0
                                      ? std::min(answer->retryAfterMs, options_.retryMaxMs)
                                      : jittered(pause);
        pause = std::min(pause * 2, options_.retryMaxMs);
        if (wait >= leftMs(request)) co_return std::unexpected(error);
        log(Level::info, "language model " + options_.name + ": " + problem + "; trying again in " +
                             std::to_string(wait) + " ms");
        const Status slept = co_await clock_.sleep(wait, cancel);
        if (!slept) co_return std::unexpected(slept.error());
    }
}

}  // namespace tinsmith::daemon
