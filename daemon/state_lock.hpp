#pragma once

#include <filesystem>

#include "handlers/flow/result.hpp"

namespace tinsmith::daemon {

// Held by the one daemon that works on a state folder; the kernel lets go of it when the process
// ends, however it ends.
class StateLock {
  public:
    // Creates the folder (0700) where it is missing. Fails with `conflict` while another process
    // holds the lock.
    [[nodiscard]] static Result<StateLock> take(const std::filesystem::path& folder);
    StateLock(StateLock&& other) noexcept;
    StateLock& operator=(StateLock&&) = delete;
    ~StateLock();

  private:
    explicit StateLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace tinsmith::daemon
