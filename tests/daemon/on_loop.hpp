// Helpers that drive the real loop in tests.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "daemon/loop.hpp"
#include "handlers/flow/task.hpp"

namespace tinsmith::daemon {

// Turns the loop until `done` holds; false after `ms`.
inline bool turnUntil(Loop& loop, const std::function<bool()>& done, std::int64_t ms = 10'000) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        loop.turn(20);
    }
    return true;
}

template <class T>
Task<void> keep(Task<T> task, std::optional<T>* place) {
    place->emplace(co_await std::move(task));
}

// Runs one task to its end on the loop.
template <class T>
T await(Loop& loop, Task<T> task, std::int64_t ms = 30'000) {
    std::optional<T> result;
    Nursery nursery;
    nursery.spawn(keep(std::move(task), &result));
    EXPECT_TRUE(turnUntil(loop, [&] { return result.has_value(); }, ms)) << "the task did not end";
    return std::move(result.value());
}

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "tinsmith-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace tinsmith::daemon
