#include "daemon/state_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace tinsmith::daemon {

Result<StateLock> StateLock::take(const std::filesystem::path& folder) {
    std::error_code error;
    if (!std::filesystem::exists(folder, error)) {
        std::filesystem::create_directories(folder, error);
        if (!error) {
            std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
        }
    }
    if (error) {
        return fail(Code::internal,
                    "cannot create the state folder " + folder.string() + ": " + error.message(),
                    "create it and give it to the daemon's user, or change paths.state");
    }
    const auto file = folder / "lock";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return fail(Code::internal, "cannot open " + file.string() + ": " + std::strerror(errno),
                    "give the state folder to the daemon's user, or change paths.state");
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char owner[32] = {};
        const auto length = ::pread(fd, owner, sizeof owner - 1, 0);
        const std::string who = length > 0 ? " (process " + std::string(owner) + ")" : "";
        ::close(fd);
        return fail(Code::conflict, "another tinsmithd" + who + " works on " + folder.string(),
                    "stop it first, or give this one a state folder of its own with paths.state");
    }
    const std::string self = std::to_string(::getpid());
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, self.data(), self.size(), 0) < 0) {
        ::close(fd);
        return fail(Code::storage_full,
                    "cannot write " + file.string() + ": " + std::strerror(errno),
                    "free some space on the disk of the state folder");
    }
    return StateLock(fd);
}

StateLock::StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StateLock::~StateLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace tinsmith::daemon
