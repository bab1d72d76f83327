#include "daemon/cage.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <initializer_list>
#include <system_error>

namespace tinsmith::daemon {

namespace fs = std::filesystem;

namespace {

constexpr const char* kHelperInside = "/run/tinsmith-cage";

void add(std::vector<std::string>& argv, std::initializer_list<std::string> words) {
    argv.insert(argv.end(), words);
}

bool startsWithFolder(const fs::path& path, const char* folder) {
    const std::string text = path.string();
    return text.starts_with(std::string(folder) + "/");
}

// Bubblewrap would make missing parents with mode 0700, shut to the cage's user.
void addParents(std::vector<std::string>& argv, const fs::path& path) {
    fs::path parent;
    for (const auto& part : path.parent_path()) {
        parent /= part;
        if (parent != "/") add(argv, {"--dir", parent.string()});
    }
}

void addReadable(std::vector<std::string>& argv, const fs::path& path, const fs::path& inside) {
    addParents(argv, inside);
    add(argv, {"--ro-bind", path.string(), inside.string()});
}

// Merged-/usr systems have links here, older ones real folders.
void addSystem(std::vector<std::string>& argv) {
    add(argv, {"--ro-bind", "/usr", "/usr"});
    for (const char* name : {"/lib", "/lib32", "/lib64", "/libx32", "/bin"}) {
        std::error_code error;
        const fs::path path(name);
        if (fs::is_symlink(path, error)) {
            add(argv, {"--symlink", fs::read_symlink(path, error).string(), name});
        } else if (fs::exists(path, error)) {
            add(argv, {"--ro-bind", name, name});
        }
    }
    add(argv, {"--dir", "/etc", "--ro-bind-try", "/etc/alternatives", "/etc/alternatives"});
}

const char* modeOf(Cage cage) {
    if (cage == Cage::code) return "code";
    return cage == Cage::emulator ? "run" : "compile";
}

}  // namespace

std::vector<std::string> cageCommand(const CageOptions& options, const Child& child,
                                     const fs::path& program) {
    std::vector<std::string> argv = {options.bubblewrap.string()};
    if (options.uid < 0) add(argv, {"--unshare-user"});
    add(argv, {"--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
               "--unshare-cgroup-try", "--new-session", "--die-with-parent"});
    if (options.uid >= 0) {
        // The helper gives root up as its first act; it needs these two for it, and they are gone
        // with it.
        add(argv, {"--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"});
    }
    if (options.infoFd >= 0) add(argv, {"--info-fd", std::to_string(options.infoFd)});
    addSystem(argv);
    add(argv, {"--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"});
    if (options.proc && child.cage != Cage::code) add(argv, {"--proc", "/proc"});
    if (!startsWithFolder(program, "/usr") && !startsWithFolder(program, "/bin")) {
        addReadable(argv, program, program);
    }
    for (const auto& path : child.readable) addReadable(argv, path, path);
    addParents(argv, child.folder);
    add(argv, {"--bind", child.folder.string(), child.folder.string()});
    addReadable(argv, options.helper, kHelperInside);
    add(argv, {"--chdir", "/", "--remount-ro", "/", "--"});
    add(argv, {kHelperInside, modeOf(child.cage), std::to_string(child.limits.processes),
               std::to_string(options.uid), child.folder.string(), program.string()});
    argv.insert(argv.end(), child.argv.begin() + 1, child.argv.end());
    return argv;
}

fs::path findProgram(const std::string& name, const std::string& searchPath) {
    std::error_code error;
    if (name.find('/') != std::string::npos) {
        return ::access(name.c_str(), X_OK) == 0 ? fs::absolute(name, error) : fs::path();
    }
    for (std::size_t begin = 0; begin <= searchPath.size();) {
        const auto end = std::min(searchPath.find(':', begin), searchPath.size());
        const fs::path candidate = fs::path(searchPath.substr(begin, end - begin)) / name;
        if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0 &&
            !fs::is_directory(candidate, error)) {
            return candidate;
        }
        begin = end + 1;
    }
    return {};
}

Status giveFolder(const fs::path& folder, int uid) {
    const auto id = static_cast<uid_t>(uid);
    const auto failed = [&](const std::string& what) {
        return fail(Code::internal, "cannot hand " + folder.string() + " to the cage: " + what,
                    "check the file system of the state folder");
    };
    if (::lchown(folder.c_str(), id, id) != 0) return failed(std::strerror(errno));
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        struct stat status{};
        if (::lstat(entry->path().c_str(), &status) != 0) return failed(std::strerror(errno));
        if (S_ISREG(status.st_mode) && status.st_nlink > 1) continue;
        if (::lchown(entry->path().c_str(), id, id) != 0) return failed(std::strerror(errno));
    }
    if (error) return failed(error.message());
    return {};
}

}  // namespace tinsmith::daemon
