#include "firmware/image/device_emulator.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "firmware/image/image.hpp"
#include "firmware/image/read_file.hpp"

namespace tinsmith::image {
namespace {

constexpr int kSensorFd = 3;
constexpr int kMonitorFd = 4;

// In QEMU's option lists a comma ends a value; two stand for one.
std::string escaped(const std::string& value) {
    std::string out;
    for (const char c : value) {
        out += c;
        if (c == ',') out += c;
    }
    return out;
}

// QEMU names its machines as we name our boards.
std::vector<std::string> arguments(const EmulatorSettings& settings, const std::string& board) {
    std::vector<std::string> out = {
        settings.qemu,
        "-M",
        board + ",memory-backend=psram",
        "-object",
        "memory-backend-file,id=psram,size=16M,share=on,mem-path=" +
            escaped(settings.flash.string()),
        "-kernel",
        settings.bootElf.string(),
        "-display",
        "none",
        "-nodefaults",
        "-chardev",
        "file,id=log,append=on,path=" + escaped(settings.log.string()),
        "-serial",
        "chardev:log",
        "-chardev",
        "socket,id=sensor,fd=" + std::to_string(kSensorFd),
        "-serial",
        "chardev:sensor",
        "-chardev",
        "socket,id=monitor,fd=" + std::to_string(kMonitorFd),
        "-mon",
        "chardev=monitor,mode=readline",
        "-nic",
        settings.mac.empty() ? "user,id=n0" : "user,id=n0,mac=" + settings.mac};
    out.insert(out.end(), settings.extra.begin(), settings.extra.end());
    return out;
}

// Between fork and exec: only what is safe there.
[[noreturn]] void becomeEmulator(char* const* argv, int sensor, int monitor, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    // Its own session: a Ctrl-C for the terminal's foreground group is ours to handle.
    ::setsid();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // Copies above the two numbers first, so that neither dup2 overwrites the other's source.
    const int sensorCopy = ::fcntl(sensor, F_DUPFD, 10);
    const int monitorCopy = ::fcntl(monitor, F_DUPFD, 10);
    if (sensorCopy < 0 || monitorCopy < 0 || ::dup2(sensorCopy, kSensorFd) < 0 ||
        ::dup2(monitorCopy, kMonitorFd) < 0) {
        ::_exit(127);
    }
    const int null = ::open("/dev/null", O_RDONLY);
    if (null < 0 || ::dup2(null, STDIN_FILENO) < 0) ::_exit(127);
    ::close_range(5, ~0u, 0);
    ::execvp(argv[0], argv);
    ::_exit(127);
}

}  // namespace

Expected<void> Emulator::start() {
    cut();
    const auto bootElf = readFile(settings_.bootElf);
    if (!bootElf) return std::unexpected(bootElf.error());
    const auto board = romBoard(*bootElf);
    if (!board) return std::unexpected(board.error());
    int sensor[2];
    int monitor[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sensor) != 0)
        return fail("cannot make a socket pair");
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor) != 0) {
        ::close(sensor[0]);
        ::close(sensor[1]);
        return fail("cannot make a socket pair");
    }
    std::vector<std::string> words = arguments(settings_, *board);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    child_ = ::fork();
    if (child_ == 0) becomeEmulator(argv.data(), sensor[1], monitor[1], parent);
    ::close(sensor[1]);
    ::close(monitor[1]);
    sensor_ = sensor[0];
    monitor_ = monitor[0];
    // A little more than one frame: a device that does not listen soon loses samples instead of
    // getting old ones.
    const int small = 4096;
    ::setsockopt(sensor_, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    ::fcntl(sensor_, F_SETFL, O_NONBLOCK);
    ::fcntl(monitor_, F_SETFL, O_NONBLOCK);
    unsent_.clear();
    if (child_ < 0) {
        child_ = 0;
        closeSockets();
        return fail("cannot start a process for the emulator");
    }
    return {};
}

void Emulator::closeSockets() {
    if (sensor_ >= 0) ::close(sensor_);
    if (monitor_ >= 0) ::close(monitor_);
    sensor_ = monitor_ = -1;
}

void Emulator::cut() {
    if (child_ > 0) {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        child_ = 0;
    }
    closeSockets();
}

bool Emulator::reset() {
    static constexpr char kCommand[] = "system_reset\n";
    std::array<char, 4096> prompt;
    while (monitor_ >= 0 && ::recv(monitor_, prompt.data(), prompt.size(), MSG_DONTWAIT) > 0) {
    }
    return monitor_ >= 0 && ::send(monitor_, kCommand, sizeof kCommand - 1, MSG_NOSIGNAL) > 0;
}

bool Emulator::running() {
    if (child_ <= 0) return false;
    if (::waitpid(child_, nullptr, WNOHANG) == child_) {
        child_ = 0;
        closeSockets();
    }
    return child_ > 0;
}

bool Emulator::feed(std::span<const std::uint8_t> bytes) {
    const auto push = [this](std::span<const std::uint8_t> piece) {
        const ssize_t n = ::send(sensor_, piece.data(), piece.size(), MSG_NOSIGNAL);
        return n < 0 ? std::size_t{0} : static_cast<std::size_t>(n);
    };
    if (sensor_ < 0) return false;
    if (!unsent_.empty()) {
        unsent_.erase(unsent_.begin(),
                      unsent_.begin() + static_cast<std::ptrdiff_t>(push(unsent_)));
        if (!unsent_.empty()) return false;
    }
    const std::size_t sent = push(bytes);
    if (sent == 0) return false;
    unsent_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(sent), bytes.end());
    return true;
}

Expected<int> lockFlash(const std::filesystem::path& flash) {
    const int fd = ::open(flash.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return fail("cannot open " + flash.string() + ": " + std::strerror(errno));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        return fail("another emulator runs on " + flash.string(),
                    "stop it first: two on one flash would destroy it");
    }
    return fd;
}

}  // namespace tinsmith::image
