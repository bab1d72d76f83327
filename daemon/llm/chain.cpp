#include "daemon/llm/chain.hpp"

#include <utility>

#include "daemon/log.hpp"

namespace tinsmith::daemon {

LlmChain::LlmChain(Loop& loop, Clock& clock, Journal* journal, std::vector<LlmOptions> providers)
    : transport_(loop) {
    for (LlmOptions& options : providers) {
        providers_.push_back(
            std::make_unique<LlmProvider>(transport_, clock, journal, std::move(options)));
    }
}

std::string LlmChain::model() const {
    return providers_.empty() ? "" : providers_.front()->options().model;
}

std::vector<LlmHealth> LlmChain::health() const {
    std::vector<LlmHealth> all;
    for (const auto& provider : providers_) all.push_back(provider->health());
    return all;
}

Task<Result<LlmReply>> LlmChain::complete(LlmRequest request, LlmSpent* spent, CancelToken cancel) {
    if (!configured()) co_return unavailable("none is configured");
    std::string problems;
    for (const auto& provider : providers_) {
        std::string problem = provider->away();
        if (problem.empty()) {
            Result<LlmReply> reply = co_await provider->ask(request, spent, cancel);
            if (reply || reply.error().code == Code::cancelled) co_return reply;
            problem = reply.error().message;
        }
        problems += (problems.empty() ? "" : "; ") + provider->options().name + ": " + problem;
    }
    co_return unavailable(problems);
}

}  // namespace tinsmith::daemon
