#include "daemon/clock.hpp"

#include <time.h>

namespace tinsmith::daemon {

namespace {

std::int64_t now(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

std::int64_t wallClockMs() {
    return now(CLOCK_REALTIME);
}

std::int64_t LoopClock::unixMs() const {
    return wallClockMs();
}

std::int64_t LoopClock::steadyMs() const {
    return now(CLOCK_BOOTTIME);
}

Task<Status> LoopClock::sleep(std::int64_t ms, CancelToken cancel) {
    Completion<Status> done;
    const Source timer = loop_.after(ms, [done] { done.set(Status{}); });
    const auto registration =
        cancel.onCancel([done] { done.set(fail(Code::cancelled, "cancelled while waiting")); });
    Status status = co_await done;
    co_return status;
}

}  // namespace tinsmith::daemon
