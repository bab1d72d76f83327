#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace tinsmith::daemon {

// One child's control group: bounds memory and processes of its whole tree, and kills all of it at
// once.
class Cgroup {
  public:
    explicit Cgroup(std::filesystem::path folder) : folder_(std::move(folder)) {}
    Cgroup(Cgroup&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
    Cgroup& operator=(Cgroup&&) = delete;
    ~Cgroup();

    void kill() const;
    // Where a process writes "0" to move itself in.
    [[nodiscard]] std::filesystem::path members() const { return folder_ / "cgroup.procs"; }

  private:
    std::filesystem::path folder_;
};

// The part of the cgroup v2 tree that the service manager gave to us (Delegate=yes); nothing where
// it did not.
class CgroupTree {
  public:
    // Moves this process into a leaf of its own, since groups with members cannot have limited
    // children.
    [[nodiscard]] static std::optional<CgroupTree> claim();
    // Absent where the group cannot be made: the other limits hold without it.
    [[nodiscard]] std::optional<Cgroup> make(std::int64_t memoryBytes, int processes);

  private:
    explicit CgroupTree(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::filesystem::path folder_;
    std::uint64_t next_ = 0;
};

}  // namespace tinsmith::daemon
