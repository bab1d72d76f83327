// The language-model port: providers in the order of the settings, each asked when those before it
// are away or fail.
#pragma once

#include <memory>
#include <vector>

#include "daemon/llm/provider.hpp"
#include "daemon/loop.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

class LlmChain : public Llm {
  public:
    LlmChain(Loop& loop, Clock& clock, Journal* journal, std::vector<LlmOptions> providers);

    [[nodiscard]] bool configured() const override { return !providers_.empty(); }
    [[nodiscard]] std::string model() const override;
    [[nodiscard]] std::vector<LlmHealth> health() const override;
    Task<Result<LlmReply>> complete(LlmRequest request, LlmSpent* spent,
                                    CancelToken cancel) override;

  private:
    LlmTransport transport_;
    std::vector<std::unique_ptr<LlmProvider>> providers_;
};

}  // namespace tinsmith::daemon
