// What each provider was asked today, kept over restarts: a limit of a day is one of money.
#pragma once

#include <cstdint>
#include <string>

#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

class LlmLedger {
  public:
    // `journal` may be null: then nothing is kept (`tinsmith doctor`).
    LlmLedger(Clock& clock, Journal* journal, std::string provider);

    void add(std::int64_t calls, std::int64_t tokens);
    [[nodiscard]] std::int64_t calls() const { return today() ? calls_ : 0; }
    [[nodiscard]] std::int64_t tokens() const { return today() ? tokens_ : 0; }

  private:
    [[nodiscard]] bool today() const { return day_ == dayNow(); }
    [[nodiscard]] std::int64_t dayNow() const;  // since 1970, UTC

    Clock& clock_;
    Journal* journal_;
    std::string provider_;
    std::int64_t day_ = 0;
    std::int64_t calls_ = 0;
    std::int64_t tokens_ = 0;
};

}  // namespace tinsmith::daemon
