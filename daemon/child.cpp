#include "daemon/child.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace tinsmith::daemon {

namespace {

// glibc 2.36 declares these two without C linkage.
int openProcess(pid_t pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}
void sendSignal(int process, int number) {
    ::syscall(SYS_pidfd_send_signal, process, number, nullptr, 0);
}

constexpr std::size_t kTailBytes = 65'536;
constexpr std::size_t kLineBytes = 65'536;  // a longer line is delivered in pieces

void closeFd(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
}

struct Pipe {
    int read = -1;
    int write = -1;
    Pipe() = default;
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        closeFd(read);
        closeFd(write);
    }
    bool open() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return false;
        read = ends[0];
        write = ends[1];
        return true;
    }
};

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> list;
    for (auto& word : words) list.push_back(word.data());
    list.push_back(nullptr);
    return list;
}

// Everything the child needs between fork and exec, made before: it may only make system calls
// there.
struct Recipe {
    std::vector<char*> argv;
    std::vector<char*> environment;
    const char* folder;
    ChildLimits limits;
    int input, output, errors, info, cgroup, complaint;
    pid_t parent;
};

void limitTo(__rlimit_resource which, std::int64_t value) {
    const auto bound = static_cast<rlim_t>(value);
    const rlimit both{bound, bound};
    if (setrlimit(which, &both) != 0) ::_exit(126);
}

[[noreturn]] void becomeChild(const Recipe& recipe) {
    const auto give = [&] {
        const int error = errno;
        [[maybe_unused]] const auto written = ::write(recipe.complaint, &error, sizeof error);
        ::_exit(127);
    };
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != recipe.parent) ::_exit(127);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (recipe.cgroup >= 0 && ::write(recipe.cgroup, "0", 1) != 1) give();
    limitTo(RLIMIT_CORE, 0);
    limitTo(RLIMIT_CPU, recipe.limits.cpuSeconds);
    limitTo(RLIMIT_AS, recipe.limits.memoryBytes);
    limitTo(RLIMIT_FSIZE, recipe.limits.fileBytes);
    if (::dup2(recipe.input, 0) < 0 || ::dup2(recipe.output, 1) < 0 || ::dup2(recipe.errors, 2) < 0)
        give();
    if (::chdir(recipe.folder) != 0) give();
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (recipe.info >= 0) ::fcntl(recipe.info, F_SETFD, 0);
    ::execve(recipe.argv[0], recipe.argv.data(), recipe.environment.data());
    give();
    ::_exit(127);
}

// A file in memory instead of a pipe: no writing in small pieces, no SIGPIPE from a child that does
// not read.
int inputFile(const std::string& input) {
    const int fd = ::memfd_create("input", MFD_CLOEXEC);
    if (fd < 0) return -1;
    for (std::size_t done = 0; done < input.size();) {
        const auto written = ::write(fd, input.data() + done, input.size() - done);
        if (written <= 0) {
            ::close(fd);
            return -1;
        }
        done += static_cast<std::size_t>(written);
    }
    ::lseek(fd, 0, SEEK_SET);
    return fd;
}

Error cannotStart(const std::string& program, int error) {
    return {Code::internal,
            "cannot run " + program + ": " + std::strerror(error),
            "check that it is installed, and the limits of the daemon's user",
            {}};
}

// Living or dead; a process that somebody else has waited for is not.
bool isOurChild(int process) {
    siginfo_t info{};
    const int options = WEXITED | WNOHANG | WNOWAIT;
    return ::waitid(P_PIDFD, static_cast<id_t>(process), &info, options) == 0;
}

bool readable(int fd) {
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0;
}

}  // namespace

RunningChild::RunningChild(Loop& loop, Launch launch, std::function<void(Exit)> finished)
    : loop_(loop), launch_(std::move(launch)), finished_(std::move(finished)) {}

Result<std::unique_ptr<RunningChild>> RunningChild::start(Loop& loop, Launch launch,
                                                          std::function<void(Exit)> finished) {
    std::unique_ptr<RunningChild> child(
        new RunningChild(loop, std::move(launch), std::move(finished)));
    Launch& plan = child->launch_;
    const std::string program = plan.argv.at(0);
    Pipe output, errors, complaint;
    int input = inputFile(plan.input);
    int members = plan.cgroup ? ::open(plan.cgroup->members().c_str(), O_WRONLY | O_CLOEXEC) : -1;
    if (input < 0 || !output.open() || !errors.open() || !complaint.open()) {
        const int error = errno;
        closeFd(input);
        closeFd(members);
        return std::unexpected(cannotStart(program, error));
    }
    const std::string folder = plan.folder.empty() ? "/" : plan.folder.string();
    const Recipe recipe{pointers(plan.argv),
                        pointers(plan.environment),
                        folder.c_str(),
                        plan.limits,
                        input,
                        output.write,
                        errors.write,
                        plan.infoWrite,
                        members,
                        complaint.write,
                        ::getpid()};
    const pid_t pid = ::fork();
    if (pid == 0) becomeChild(recipe);
    const int forkError = errno;
    closeFd(input);
    closeFd(members);
    closeFd(plan.infoWrite);
    closeFd(complaint.write);
    if (pid < 0) return std::unexpected(cannotStart(program, forkError));
    ::setpgid(pid, pid);
    int error = 0;
    // Ends as soon as the child has executed its program: a few milliseconds at most.
    if (::read(complaint.read, &error, sizeof error) == sizeof error) {
        ::waitpid(pid, nullptr, 0);
        return std::unexpected(cannotStart(program, error));
    }
    child->pid_ = pid;
    child->outer_ = openProcess(pid);
    if (child->outer_ < 0) {
        error = errno;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return std::unexpected(cannotStart(program, error));
    }
    child->watch(std::exchange(output.read, -1), std::exchange(errors.read, -1));
    return child;
}

void RunningChild::watch(int output, int errors) {
    streams_[0].fd = output;
    streams_[0].lines = true;
    streams_[1].fd = errors;
    for (auto& stream : streams_) {
        ::fcntl(stream.fd, F_SETFL, O_NONBLOCK);
        stream.source =
            loop_.io(stream.fd, EPOLLIN, [this, &stream](std::uint32_t) { readSome(stream); });
    }
    outerSource_ = loop_.io(outer_, EPOLLIN, [this](std::uint32_t) { outerEnded(); });
    if (launch_.infoRead >= 0) {
        ::fcntl(launch_.infoRead, F_SETFL, O_NONBLOCK);
        infoSource_ = loop_.io(launch_.infoRead, EPOLLIN, [this](std::uint32_t) { readInfo(); });
    }
    wallTimer_ = loop_.after(launch_.limits.wallMs, [this] { kill("wall"); });
}

RunningChild::~RunningChild() {
    *alive_ = false;
    if (outer_ >= 0 && !ended_) {
        killTree();
        siginfo_t info{};
        while (::waitid(P_PIDFD, static_cast<id_t>(outer_), &info, WEXITED) != 0 &&
               errno == EINTR) {
        }
    }
    if (inner_ >= 0) {
        siginfo_t info{};
        sendSignal(inner_, SIGKILL);
        while (::waitid(P_PIDFD, static_cast<id_t>(inner_), &info, WEXITED) != 0 &&
               errno == EINTR) {
        }
    }
    for (auto& stream : streams_) closeStream(stream);
    outerSource_.reset();
    innerSource_.reset();
    infoSource_.reset();
    closeFd(outer_);
    closeFd(inner_);
    closeFd(launch_.infoRead);
    closeFd(launch_.infoWrite);
}

void RunningChild::closeStream(Stream& stream) {
    stream.source.reset();
    closeFd(stream.fd);
}

void RunningChild::readSome(Stream& stream) {
    std::array<char, 16384> buffer;
    const auto alive = alive_;
    // A few rounds, so that one talkative child does not keep the loop.
    for (int round = 0; round < 8 && *alive && stream.fd >= 0; ++round) {
        const auto got = ::read(stream.fd, buffer.data(), buffer.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            closeStream(stream);
            if (stream.lines && !stream.line.empty()) {
                const std::string last = std::exchange(stream.line, {});
                if (launch_.onLine) launch_.onLine(last);
            }
            return;
        }
        outputSeen_ += static_cast<std::size_t>(got);
        deliver(stream, {buffer.data(), static_cast<std::size_t>(got)});
        if (*alive && outputSeen_ > launch_.limits.outputBytes) {
            kill("output");
            closeStream(stream);
        }
    }
}

void RunningChild::deliver(Stream& stream, std::string_view bytes) {
    stream.tail.append(bytes);
    if (stream.tail.size() > 2 * kTailBytes) stream.tail.erase(0, stream.tail.size() - kTailBytes);
    if (!stream.lines || !launch_.onLine) return;
    const auto alive = alive_;
    stream.line.append(bytes);
    std::size_t begin = 0;
    while (begin < stream.line.size()) {
        auto end = stream.line.find('\n', begin);
        const bool cut = end == std::string::npos && stream.line.size() - begin >= kLineBytes;
        if (end == std::string::npos && !cut) break;
        if (cut) end = begin + kLineBytes;
        launch_.onLine(std::string_view(stream.line).substr(begin, end - begin));
        if (!*alive) return;
        begin = cut ? end : end + 1;
    }
    stream.line.erase(0, begin);
}

// {"child-pid": 123, …}, written once the cage stands.
void RunningChild::readInfo() {
    char buffer[512];
    const auto got = ::read(launch_.infoRead, buffer, sizeof buffer);
    if (got > 0 && info_.size() < 4096) {
        info_.append(buffer, static_cast<std::size_t>(got));
        return;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    infoSource_.reset();
    closeFd(launch_.infoRead);
    const auto place = info_.find("\"child-pid\":");
    if (place == std::string::npos || ended_) return;
    const int pid = std::atoi(info_.c_str() + place + std::strlen("\"child-pid\":"));
    if (pid > 1) inner_ = openProcess(pid);
    // While bubblewrap runs, the number is the right one; afterwards it is where the process has
    // become our child.
    if (inner_ >= 0 && readable(outer_) && !isOurChild(inner_)) closeFd(inner_);
    if (inner_ < 0) return;
    innerSource_ = loop_.io(inner_, EPOLLIN, [this](std::uint32_t) { innerEnded(); });
    if (!exit_.limit.empty()) killTree();
}

void RunningChild::innerEnded() {
    innerSource_.reset();
    innerEnded_ = true;
    maybeFinish();
}

// Bubblewrap need not have waited for the cage's first process. Once bubblewrap has gone that one
// is our child, in a session of its own, and would stay a zombie; where it was waited for this does
// nothing.
void RunningChild::reapInner() {
    if (inner_ < 0) return;
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(inner_), &info, WEXITED | WNOHANG);
    closeFd(inner_);
}

void RunningChild::outerEnded() {
    // A cage that was killed early is known only from here on.
    while (launch_.infoRead >= 0 && readable(launch_.infoRead)) readInfo();
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(outer_), &info, WEXITED | WNOHANG) != 0 ||
        info.si_pid == 0)
        return;
    ended_ = true;
    outerSource_.reset();
    wallTimer_.reset();
    if (info.si_code == CLD_EXITED) {
        exit_.code = info.si_status;
        // Bubblewrap passes a signal of its child on as a shell does.
        if (launch_.argv[0].ends_with("bwrap") && exit_.code > 128) exit_.signal = exit_.code - 128;
    } else {
        exit_.signal = info.si_status;
        exit_.code = 128 + info.si_status;
    }
    if (exit_.signal == SIGXCPU && exit_.limit.empty()) exit_.limit = "cpu";
    // What the child left behind in its process group ends with it, and no longer holds the pipes
    // open.
    ::kill(-pid_, SIGKILL);
    if (launch_.cgroup) launch_.cgroup->kill();
    maybeFinish();
}

void RunningChild::maybeFinish() {
    if (!ended_ || (inner_ >= 0 && !innerEnded_)) return;
    reapInner();
    // Killed is not dead yet: the rest of the group has become our children and ends within
    // moments.
    siginfo_t orphan{};
    while (::waitid(P_PGID, static_cast<id_t>(pid_), &orphan, WEXITED | WNOHANG) == 0 &&
           orphan.si_pid != 0) {
        orphan = {};
    }
    if (::kill(-pid_, 0) == 0 && graceTurns_++ < 200) {
        graceTimer_ = loop_.after(5, [this] { maybeFinish(); });
        return;
    }
    const auto alive = alive_;
    for (auto& stream : streams_) {
        while (*alive && stream.fd >= 0 && readable(stream.fd)) readSome(stream);
        if (!*alive) return;
        if (stream.lines && !stream.line.empty()) {
            const std::string last = std::exchange(stream.line, {});
            if (launch_.onLine) launch_.onLine(last);
            if (!*alive) return;
        }
        closeStream(stream);
        if (stream.tail.size() > kTailBytes) stream.tail.erase(0, stream.tail.size() - kTailBytes);
    }
    exit_.output = std::move(streams_[0].tail);
    exit_.errors = std::move(streams_[1].tail);
    loop_.post([alive, finished = std::move(finished_), result = std::move(exit_)] {
        if (*alive) finished(result);
    });
}

void RunningChild::kill(const std::string& why) {
    if (ended_) return;
    if (exit_.limit.empty()) exit_.limit = why;
    killTree();
}

void RunningChild::killTree() {
    if (launch_.cgroup) launch_.cgroup->kill();
    if (inner_ >= 0 && !innerEnded_) {
        // Bubblewrap itself stays to see it out: when it ends, everything in the cage is gone.
        sendSignal(inner_, SIGKILL);
        return;
    }
    sendSignal(outer_, SIGKILL);
    ::kill(-pid_, SIGKILL);
}

}  // namespace tinsmith::daemon
