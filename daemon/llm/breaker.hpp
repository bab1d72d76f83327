// Keeps a provider that fails from costing every job its time-out.
#pragma once

#include <cstdint>

#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

// Closed: asked. After so many failures in a row open: not asked for a pause that doubles with each
// time. Then half-open: one call is a try, which closes it or opens it again.
class Breaker {
  public:
    enum class State { closed, open, halfOpen };

    Breaker(Clock& clock, int failures, std::int64_t pauseMs, std::int64_t pauseMaxMs)
        : clock_(clock), most_(failures), firstMs_(pauseMs), maxMs_(pauseMaxMs) {}

    [[nodiscard]] State state() const;
    // False while it is open, and while another call is the try.
    [[nodiscard]] bool allows() const { return state() != State::open && !trying_; }
    [[nodiscard]] std::int64_t sinceMs() const;  // unix time of the last change of state()
    [[nodiscard]] std::int64_t leftMs() const;   // of the pause; 0 = it is over

    // Around each call: begin() says whether it is the try, which ended() takes back when the call
    // ended without a verdict.
    bool begin();
    void ended(bool wasTry);
    void succeeded();
    // Hopeless: a wrong key or an unknown model mends itself only when somebody acts.
    void failed(bool hopeless);

  private:
    Clock& clock_;
    int most_;
    std::int64_t firstMs_;
    std::int64_t maxMs_;
    int failures_ = 0;
    bool open_ = false;
    bool trying_ = false;
    std::int64_t pauseMs_ = 0;
    std::int64_t untilMs_ = 0;  // steady
    std::int64_t changedMs_ = clock_.unixMs();
};

[[nodiscard]] const char* breakerStateName(Breaker::State state);

}  // namespace tinsmith::daemon
