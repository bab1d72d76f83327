// A child process with its output in a file; ended with the object. For tests, the demo and
// benchmarks.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace tinsmith::e2e {

class Process {
  public:
    Process() = default;
    Process(std::vector<std::string> argv, const std::filesystem::path& log,
            std::vector<std::string> environment = {});
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    pid_t pid() const { return pid_; }
    bool running();
    void signal(int number) const;
    // Waits for the end; the exit status, 128 + signal, or -1 when it goes on after `ms`.
    int wait(int ms);
    // SIGTERM, then SIGKILL after `ms`.
    int stop(int ms = 5000);

  private:
    pid_t pid_ = -1;
    int status_ = -1;
};

// Runs to the end; the exit status. Output goes to `log`.
int runToEnd(std::vector<std::string> argv, const std::filesystem::path& log, int ms = 60000);

// The processes whose parent is `pid`, dead ones that nobody has waited for included: their names.
std::vector<std::string> childrenOf(pid_t pid);

std::string readText(const std::filesystem::path& path);
// A number of a status file below /proc; throws std::runtime_error where it does not say it.
long statusValue(const std::filesystem::path& file, const std::string& key);
// A free TCP port on the loopback address, at the moment of asking.
int freePort();

}  // namespace tinsmith::e2e
