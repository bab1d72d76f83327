#include "daemon/cgroup.hpp"

#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <system_error>

namespace tinsmith::daemon {

namespace fs = std::filesystem;

namespace {

bool put(const fs::path& file, const std::string& text) {
    std::ofstream out(file);
    out << text << std::flush;
    return out.good();
}

// "0::/system.slice/tinsmithd.service" → that group's folder.
fs::path ownGroup() {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (line.starts_with("0::/")) return fs::path("/sys/fs/cgroup") / line.substr(4);
    }
    return {};
}

// systemd marks what it delegates, so that we never rearrange a login session's or a container's
// group.
bool delegated(const fs::path& group) {
    char value[2] = {};
    return getxattr(group.c_str(), "user.delegate", value, sizeof value) == 1 && value[0] == '1';
}

}  // namespace

Cgroup::~Cgroup() {
    if (folder_.empty()) return;
    kill();
    // Members leave the group a moment after they died.
    for (int attempt = 0; attempt < 50 && ::rmdir(folder_.c_str()) != 0; ++attempt) ::usleep(1000);
}

void Cgroup::kill() const {
    if (!folder_.empty()) put(folder_ / "cgroup.kill", "1");
}

std::optional<CgroupTree> CgroupTree::claim() {
    const fs::path group = ownGroup();
    if (group.empty() || !delegated(group)) return std::nullopt;
    std::error_code error;
    fs::create_directory(group / "main", error);
    if (error || !put(group / "main" / "cgroup.procs", "0")) return std::nullopt;
    if (!put(group / "cgroup.subtree_control", "+memory +pids")) return std::nullopt;
    return CgroupTree(group);
}

std::optional<Cgroup> CgroupTree::make(std::int64_t memoryBytes, int processes) {
    const fs::path folder = folder_ / ("child-" + std::to_string(next_++));
    std::error_code error;
    fs::create_directory(folder, error);
    if (error) return std::nullopt;
    Cgroup group(folder);
    put(folder / "memory.swap.max", "0");
    if (!put(folder / "memory.max", std::to_string(memoryBytes)) ||
        !put(folder / "pids.max", std::to_string(processes + 3))) {
        return std::nullopt;
    }
    return group;
}

}  // namespace tinsmith::daemon
