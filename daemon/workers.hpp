// The workers port: child processes with limits, those that run others' code in cages.
#pragma once

#include <filesystem>
#include <optional>

#include "daemon/cage.hpp"
#include "daemon/child.hpp"
#include "daemon/loop.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

class ChildWorkers : public Workers {
  public:
    struct Options {
        std::filesystem::path bubblewrap = "/usr/bin/bwrap";
        std::filesystem::path helper;  // tinsmith-cage
        std::string searchPath = "/usr/local/bin:/usr/bin:/bin";
    };

    ChildWorkers(Loop& loop, Options options);

    // A caged child is never run without its cage: where bubblewrap is missing or may not make
    // namespaces, this fails with `internal` and says what to change.
    Task<Result<Exit>> run(Child child, CancelToken cancel) override;

    // Lets children have control groups where the service manager gave us some.
    void useCgroups(std::optional<CgroupTree> tree) { cgroups_ = std::move(tree); }
    [[nodiscard]] std::size_t running() const { return running_; }

  private:
    Task<Result<Exit>> runPrepared(Child child, std::filesystem::path program, bool proc,
                                   CancelToken cancel);
    Task<Status> probe(std::filesystem::path folder);

    Loop& loop_;
    Options options_;
    std::optional<CgroupTree> cgroups_;
    std::optional<bool> proc_;  // whether cages get /proc; known after the first probe
    int nextUid_ = 0;
    std::size_t running_ = 0;
};

}  // namespace tinsmith::daemon
