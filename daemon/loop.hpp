// A thin owner of sd_event: sources live as long as their Source, callbacks may destroy their own
// Source.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

struct sd_event;
struct sd_event_source;

namespace tinsmith::daemon {

namespace detail {
struct SourceState;
}

// A registration on the loop; destroying it ends it. Empty by default.
class Source {
  public:
    Source() = default;
    explicit Source(std::shared_ptr<detail::SourceState> state);
    Source(Source&&) noexcept = default;
    Source& operator=(Source&& other) noexcept;
    ~Source() { reset(); }

    void reset();
    [[nodiscard]] bool active() const { return state_ != nullptr; }
    // For io sources: EPOLLIN | EPOLLOUT …
    void setEvents(std::uint32_t events);

  private:
    std::shared_ptr<detail::SourceState> state_;
};

// One thread, one loop. An exception that leaves a callback is a bug: it is printed and the process
// aborts, since C code of libsystemd is on the stack; the journal brings all work back after the
// restart.
class Loop {
  public:
    Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

    // Level-triggered. The fd stays the caller's, who must outlive the Source with it.
    [[nodiscard]] Source io(int fd, std::uint32_t events,
                            std::function<void(std::uint32_t)> callback);
    // Once, after at least `ms`, on CLOCK_BOOTTIME. Timers of more than a second may fire up to a
    // tenth late, so that the machine wakes up for several at once.
    [[nodiscard]] Source after(std::int64_t ms, std::function<void()> callback);
    // Blocks the signal for the process and delivers it here.
    [[nodiscard]] Source signal(int number, std::function<void()> callback);
    // Runs `callback` after what runs now, before the loop sleeps again.
    void post(std::function<void()> callback);

    // Runs until exit(); returns its code. Exits at once if exit() was called before.
    int run();
    void exit(int code);
    // Waits at most `ms` and dispatches what came; for tests and for winding down.
    void turn(std::int64_t ms);
    // Lets sd_event feed the service manager's watchdog from this loop, so that a stuck loop is
    // noticed.
    void enableWatchdog();

  private:
    sd_event* event_ = nullptr;
    Source deferred_;
    sd_event_source* deferredSource_ = nullptr;  // what deferred_ holds
    std::deque<std::function<void()>> posted_;
    bool exited_ = false;
    int exitCode_ = 0;
};

}  // namespace tinsmith::daemon
