#pragma once

#include "daemon/loop.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

// Milliseconds since 1970, from the wall clock.
[[nodiscard]] std::int64_t wallClockMs();

// Time since boot including suspend, so that a soak or a deadline means what it says on a gateway
// that sleeps.
class LoopClock : public Clock {
  public:
    explicit LoopClock(Loop& loop) : loop_(loop) {}

    [[nodiscard]] std::int64_t unixMs() const override;
    [[nodiscard]] std::int64_t steadyMs() const override;
    Task<Status> sleep(std::int64_t ms, CancelToken cancel) override;

  private:
    Loop& loop_;
};

}  // namespace tinsmith::daemon
