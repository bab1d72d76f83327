// One running child process, started, read and ended without blocking the loop.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/cgroup.hpp"
#include "daemon/loop.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

struct Launch {
    std::vector<std::string> argv;  // argv[0] absolute
    std::vector<std::string> environment;
    std::filesystem::path folder;
    ChildLimits limits;
    std::function<void(std::string_view)> onLine;
    std::string input;
    int infoRead =
        -1;  // caged: bubblewrap's --info-fd pipe, both ends; closed by the child's owner
    int infoWrite = -1;
    std::optional<Cgroup> cgroup;
};

class RunningChild {
  public:
    // Fails with `internal` when the program cannot be executed. `finished` is called once, from
    // the loop, never from in here.
    [[nodiscard]] static Result<std::unique_ptr<RunningChild>> start(
        Loop& loop, Launch launch, std::function<void(Exit)> finished);
    RunningChild(const RunningChild&) = delete;
    RunningChild& operator=(const RunningChild&) = delete;
    // Kills what still runs and waits for its end.
    ~RunningChild();

    // Ends the child and all its descendants; `why` becomes Exit::limit.
    void kill(const std::string& why);

  private:
    struct Stream {
        int fd = -1;
        Source source;
        std::string tail;
        std::string line;
        bool lines = false;
    };

    RunningChild(Loop& loop, Launch launch, std::function<void(Exit)> finished);
    void watch(int output, int errors);
    void readSome(Stream& stream);
    void deliver(Stream& stream, std::string_view bytes);
    void readInfo();
    void outerEnded();
    void innerEnded();
    void reapInner();
    void maybeFinish();
    void killTree();
    static void closeStream(Stream& stream);

    Loop& loop_;
    Launch launch_;
    std::function<void(Exit)> finished_;
    int pid_ = -1;
    int outer_ = -1;  // pidfd of our child: the program, or bubblewrap around it
    int inner_ = -1;  // pidfd of the cage's first process, whose death takes the whole cage with it
    bool innerEnded_ = false;
    bool ended_ = false;
    Exit exit_;
    std::size_t outputSeen_ = 0;
    std::array<Stream, 2> streams_;
    std::string info_;
    Source outerSource_;
    Source innerSource_;
    Source infoSource_;
    Source wallTimer_;
    Source graceTimer_;
    int graceTurns_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tinsmith::daemon
