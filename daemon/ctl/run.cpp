#include "daemon/ctl/run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "daemon/ctl/now.hpp"

namespace tinsmith::ctl {

namespace {

constexpr std::size_t kKeptBytes = 64u << 10;

}  // namespace

Ran run(const std::vector<std::string>& argv, int timeoutMs) {
    Ran ran;
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return ran;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_t child = -1;
    ran.started = ::posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    const std::int64_t end = nowMs() + timeoutMs;
    bool open = ran.started;
    while (open && nowMs() < end) {
        pollfd ready = {ends[0], POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(end - nowMs())) <= 0) continue;
        std::array<char, 4096> bytes{};
        const ssize_t got = ::read(ends[0], bytes.data(), bytes.size());
        if (got < 0 && errno == EINTR) continue;
        open = got > 0;
        if (open && ran.output.size() < kKeptBytes)
            ran.output.append(bytes.data(), static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    if (!ran.started) return ran;
    if (open) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (open) return ran;
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ran;
}

}  // namespace tinsmith::ctl
