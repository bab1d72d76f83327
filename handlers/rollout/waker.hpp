// Lets one task wait for "something happened" or for time to pass, whatever comes first.
#pragma once

#include <cstdint>
#include <utility>

#include "handlers/flow/ports.hpp"
#include "handlers/flow/task.hpp"

namespace tinsmith::rollout {

class Waker {
  public:
    // Ends the current wait, or the next one at once. Resumes the waiting task on the caller's
    // stack.
    void wake() {
        poked_ = true;
        CancelSource waiting = wait_;
        waiting.cancel();
    }

    Task<void> wait(Clock& clock, std::int64_t ms) {
        if (!poked_) {
            wait_ = CancelSource();
            const Status slept = co_await clock.sleep(ms, wait_.token());
            (void)slept;  // woken early or in time: both end the wait
        }
        poked_ = false;
    }

  private:
    bool poked_ = false;
    CancelSource wait_;
};

}  // namespace tinsmith::rollout
