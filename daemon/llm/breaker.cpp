#include "daemon/llm/breaker.hpp"

#include <algorithm>

namespace tinsmith::daemon {

const char* breakerStateName(Breaker::State state) {
    constexpr const char* names[] = {"closed", "open", "half-open"};
    return names[static_cast<int>(state)];
}

Breaker::State Breaker::state() const {
    if (!open_) return State::closed;
    return leftMs() > 0 ? State::open : State::halfOpen;
}

std::int64_t Breaker::sinceMs() const {
    return state() == State::halfOpen ? changedMs_ + pauseMs_ : changedMs_;
}

std::int64_t Breaker::leftMs() const {
    return open_ ? std::max<std::int64_t>(untilMs_ - clock_.steadyMs(), 0) : 0;
}

bool Breaker::begin() {
    if (state() != State::halfOpen) return false;
    trying_ = true;
    return true;
}

void Breaker::ended(bool wasTry) {
    if (wasTry) trying_ = false;
}

void Breaker::succeeded() {
    if (open_) changedMs_ = clock_.unixMs();
    open_ = false;
    failures_ = 0;
    pauseMs_ = 0;
}

void Breaker::failed(bool hopeless) {
    ++failures_;
    if (!open_ && failures_ < most_ && !hopeless) return;
    // Calls that began before it opened fail after it: they prove nothing new.
    if (state() == State::open) return;
    pauseMs_ = hopeless || pauseMs_ == 0 ? (hopeless ? maxMs_ : firstMs_) : pauseMs_ * 2;
    pauseMs_ = std::min(pauseMs_, maxMs_);
    open_ = true;
    untilMs_ = clock_.steadyMs() + pauseMs_;
    changedMs_ = clock_.unixMs();
}

}  // namespace tinsmith::daemon
