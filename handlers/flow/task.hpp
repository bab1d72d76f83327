// Coroutines for one thread: Task<T> (lazy, awaited once), Completion<T> (a result that a callback
// delivers), Nursery (owner of running top-level tasks) and cancellation. Nothing here is
// thread-safe; everything runs on the event loop.
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tinsmith {

namespace detail {

template <class Promise>
struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
        const auto waiter = self.promise().waiter;
        return waiter ? waiter : std::noop_coroutine();
    }
    void await_resume() noexcept {}
};

struct PromiseBase {
    std::coroutine_handle<> waiter;
    std::exception_ptr error;
    std::suspend_always initial_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }
};

}  // namespace detail

// A computation that starts when it is awaited. A Task that is never awaited never runs: that is
// how a step whose result the journal already has is skipped. Exceptions (bugs, not errors) reach
// the awaiting task.
template <class T>
class [[nodiscard]] Task {
  public:
    struct promise_type : detail::PromiseBase {
        std::optional<T> value;
        Task get_return_object() {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        detail::FinalAwaiter<promise_type> final_suspend() noexcept { return {}; }
        template <class U>
        void return_value(U&& result) {
            value.emplace(std::forward<U>(result));
        }
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
        handle_.promise().waiter = waiter;
        return handle_;
    }
    T await_resume() {
        auto& promise = handle_.promise();
        if (promise.error) std::rethrow_exception(promise.error);
        return std::move(*promise.value);
    }

  private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

template <>
class [[nodiscard]] Task<void> {
  public:
    struct promise_type : detail::PromiseBase {
        Task get_return_object() {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        detail::FinalAwaiter<promise_type> final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
        handle_.promise().waiter = waiter;
        return handle_;
    }
    void await_resume() {
        if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    }

  private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

// A result that arrives once, from a callback. Copies share it. `set` resumes the waiter at once,
// on the caller's stack; a second `set` is ignored. When the waiting task is destroyed first, `set`
// does nothing.
template <class T>
class Completion {
    struct State {
        std::optional<T> value;
        std::coroutine_handle<> waiter;
    };

  public:
    Completion() : state_(std::make_shared<State>()) {}

    void set(T value) const {
        const auto state = state_;
        if (state->value) return;
        state->value.emplace(std::move(value));
        if (const auto waiter = std::exchange(state->waiter, nullptr)) waiter.resume();
    }
    bool done() const { return state_->value.has_value(); }

    class Awaiter {
      public:
        explicit Awaiter(std::shared_ptr<State> state) : state_(std::move(state)) {}
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        ~Awaiter() { state_->waiter = nullptr; }
        bool await_ready() const noexcept { return state_->value.has_value(); }
        void await_suspend(std::coroutine_handle<> waiter) noexcept { state_->waiter = waiter; }
        T await_resume() { return std::move(*state_->value); }

      private:
        std::shared_ptr<State> state_;
    };
    Awaiter operator co_await() const { return Awaiter(state_); }

  private:
    std::shared_ptr<State> state_;
};

// Owns top-level tasks. Destroying it destroys what still runs, which is how the daemon stops in
// the middle of a job.
class Nursery {
  public:
    using OnCrash = std::function<void(std::exception_ptr)>;

    explicit Nursery(OnCrash onCrash = {}) : onCrash_(std::move(onCrash)) {}
    Nursery(const Nursery&) = delete;
    Nursery& operator=(const Nursery&) = delete;
    ~Nursery() {
        while (!running_.empty()) {
            auto handle = running_.front();
            running_.pop_front();
            handle.destroy();
        }
    }

    // Runs `task` until its first suspension, then returns.
    void spawn(Task<void> task) { root(std::move(task)); }
    std::size_t size() const { return running_.size(); }

  private:
    struct Root {
        struct promise_type {
            Nursery& nursery;
            std::list<std::coroutine_handle<>>::iterator place;
            promise_type(Nursery& owner, Task<void>&) : nursery(owner) {
                place = nursery.running_.insert(
                    nursery.running_.end(),
                    std::coroutine_handle<promise_type>::from_promise(*this));
            }
            Root get_return_object() { return {}; }
            std::suspend_never initial_suspend() noexcept { return {}; }
            std::suspend_never final_suspend() noexcept {
                nursery.running_.erase(place);
                return {};
            }
            void return_void() noexcept {}
            void unhandled_exception() noexcept {
                if (nursery.onCrash_) nursery.onCrash_(std::current_exception());
            }
        };
    };
    Root root(Task<void> task) { co_await std::move(task); }

    OnCrash onCrash_;
    std::list<std::coroutine_handle<>> running_;
};

// Tells running work that its result is no longer wanted. Tokens are cheap copies; a default one is
// never cancelled.
class CancelToken {
    friend class CancelSource;
    struct State {
        bool cancelled = false;
        std::list<std::function<void()>> callbacks;
    };

  public:
    CancelToken() = default;
    bool cancelled() const { return state_ && state_->cancelled; }

    // Keeps a callback registered for as long as it lives.
    class Registration {
      public:
        Registration() = default;
        Registration(std::shared_ptr<State> state, std::list<std::function<void()>>::iterator place)
            : state_(std::move(state)), place_(place) {}
        Registration(Registration&& other) noexcept
            : state_(std::exchange(other.state_, nullptr)), place_(other.place_) {}
        Registration& operator=(Registration&&) = delete;
        ~Registration() {
            if (state_ && !state_->cancelled) state_->callbacks.erase(place_);
        }

      private:
        std::shared_ptr<State> state_;
        std::list<std::function<void()>>::iterator place_;
    };

    // Calls `callback` once on cancellation, at once if it happened already.
    [[nodiscard]] Registration onCancel(std::function<void()> callback) const {
        if (!state_) return {};
        if (state_->cancelled) {
            callback();
            return {};
        }
        state_->callbacks.push_back(std::move(callback));
        return {state_, std::prev(state_->callbacks.end())};
    }

  private:
    explicit CancelToken(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

class CancelSource {
  public:
    CancelSource() : state_(std::make_shared<CancelToken::State>()) {}
    CancelToken token() const { return CancelToken(state_); }
    void cancel() {
        if (state_->cancelled) return;
        state_->cancelled = true;
        const auto keep = state_;
        for (auto& callback : std::exchange(keep->callbacks, {})) callback();
    }

  private:
    std::shared_ptr<CancelToken::State> state_;
};

}  // namespace tinsmith
