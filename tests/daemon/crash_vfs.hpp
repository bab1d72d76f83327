// An SQLite VFS over a disk in memory that loses power: what was not synced is forgotten, or partly
// there with its last sector torn. Every call that changes the disk is counted, so that a test can
// cut at each.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tinsmith::daemon {

// What of the unsynced writes survives a cut.
enum class Survives {
    nothing,  // the disk kept them in its cache
    torn,     // all but the last, of which only the first half sector came through
    shuffled  // an arbitrary part of the sectors, in no order
};

class CrashDisk {
  public:
    static constexpr std::size_t kSector = 512;

    explicit CrashDisk(const char* name);
    CrashDisk(const CrashDisk&) = delete;
    CrashDisk& operator=(const CrashDisk&) = delete;
    ~CrashDisk();

    // Every operation from the n-th on fails, as if the process had stopped there; -1 = never.
    void cutAt(std::int64_t operation) { cut_ = operation; }
    [[nodiscard]] std::int64_t operations() const { return operations_; }
    // Power comes back: unsynced writes are treated as told.
    void restart(Survives what, std::uint32_t seed);
    // Bytes that may be written until the disk is full; -1 = no limit.
    void setRoom(std::int64_t bytes) { room_ = bytes; }
    [[nodiscard]] const char* name() const { return name_.c_str(); }
    // Changes a byte on the disk behind SQLite's back.
    void corrupt(const std::string& file, std::size_t at);
    [[nodiscard]] bool has(const std::string& file) const { return files_.contains(file); }

    struct Pending {
        std::size_t at;
        std::string bytes;
        bool truncate;
    };
    struct File {
        std::string durable;
        std::string current;
        std::vector<Pending> pending;
        bool linked = false;  // its name is on the disk too
    };

    // Counts an operation; false when the power is gone.
    bool step();
    bool takeRoom(std::size_t bytes);
    std::map<std::string, std::shared_ptr<File>>& files() { return files_; }

  private:
    std::string name_;
    sqlite3_vfs vfs_{};
    std::map<std::string, std::shared_ptr<File>> files_;
    std::int64_t operations_ = 0;
    std::int64_t cut_ = -1;
    std::int64_t room_ = -1;
};

}  // namespace tinsmith::daemon
