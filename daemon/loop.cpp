#include "daemon/loop.hpp"

#include <signal.h>
#include <systemd/sd-event.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace tinsmith::daemon {

namespace detail {

struct SourceState : std::enable_shared_from_this<SourceState> {
    sd_event_source* source = nullptr;
    std::function<void(std::uint32_t)> callback;

    // Keeps itself alive while it runs: the callback may drop its Source.
    void call(std::uint32_t events) noexcept {
        const auto keep = shared_from_this();
        try {
            callback(events);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "tinsmithd: bug: exception in the event loop: %s\n", error.what());
            std::abort();
        }
    }
};

}  // namespace detail

namespace {

using detail::SourceState;

int onIo(sd_event_source*, int, std::uint32_t events, void* state) {
    static_cast<SourceState*>(state)->call(events);
    return 0;
}

int onTime(sd_event_source*, std::uint64_t, void* state) {
    static_cast<SourceState*>(state)->call(0);
    return 0;
}

int onSignal(sd_event_source*, const signalfd_siginfo*, void* state) {
    static_cast<SourceState*>(state)->call(0);
    return 0;
}

int onDefer(sd_event_source*, void* state) {
    static_cast<SourceState*>(state)->call(0);
    return 0;
}

void check(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(-result));
}

}  // namespace

Source::Source(std::shared_ptr<detail::SourceState> state) : state_(std::move(state)) {}

Source& Source::operator=(Source&& other) noexcept {
    if (this != &other) {
        reset();
        state_ = std::move(other.state_);
    }
    return *this;
}

void Source::reset() {
    if (!state_) return;
    state_->source = sd_event_source_disable_unref(state_->source);
    state_.reset();
}

void Source::setEvents(std::uint32_t events) {
    if (state_) sd_event_source_set_io_events(state_->source, events);
}

Loop::Loop() {
    check(sd_event_new(&event_), "event loop");
    auto state = std::make_shared<SourceState>();
    state->callback = [this](std::uint32_t) {
        // Only what is there now: callbacks that post again must not keep the loop from its other
        // sources.
        auto batch = std::exchange(posted_, {});
        for (auto& callback : batch) callback();
    };
    check(sd_event_add_defer(event_, &state->source, onDefer, state.get()), "deferred work");
    check(sd_event_source_set_enabled(state->source, SD_EVENT_OFF), "deferred work");
    deferred_ = Source(state);
    deferredSource_ = state->source;
}

Loop::~Loop() {
    deferred_.reset();
    sd_event_unref(event_);
}

Source Loop::io(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback) {
    auto state = std::make_shared<SourceState>();
    state->callback = std::move(callback);
    check(sd_event_add_io(event_, &state->source, fd, events, onIo, state.get()),
          "watch a descriptor");
    return Source(std::move(state));
}

Source Loop::after(std::int64_t ms, std::function<void()> callback) {
    const auto delay = static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)) * 1000;
    const std::uint64_t accuracy = delay > 1'000'000 ? delay / 10 : 1000;
    auto state = std::make_shared<SourceState>();
    state->callback = [callback = std::move(callback)](std::uint32_t) { callback(); };
    check(sd_event_add_time_relative(event_, &state->source, CLOCK_BOOTTIME, delay, accuracy,
                                     onTime, state.get()),
          "start a timer");
    return Source(std::move(state));
}

Source Loop::signal(int number, std::function<void()> callback) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    auto state = std::make_shared<SourceState>();
    state->callback = [callback = std::move(callback)](std::uint32_t) { callback(); };
    check(sd_event_add_signal(event_, &state->source, number, onSignal, state.get()),
          "watch a signal");
    return Source(std::move(state));
}

void Loop::post(std::function<void()> callback) {
    posted_.push_back(std::move(callback));
    sd_event_source_set_enabled(deferredSource_, SD_EVENT_ONESHOT);
}

int Loop::run() {
    while (!exited_) check(sd_event_run(event_, UINT64_MAX), "event loop");
    return exitCode_;
}

void Loop::exit(int code) {
    exited_ = true;
    exitCode_ = code;
}

void Loop::turn(std::int64_t ms) {
    check(sd_event_run(event_, static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)) * 1000),
          "event loop");
}

void Loop::enableWatchdog() {
    check(sd_event_set_watchdog(event_, 1), "watchdog");
}

}  // namespace tinsmith::daemon
