#include "daemon/workers.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace tinsmith::daemon {

namespace fs = std::filesystem;

namespace {

// Where we are root, each cage gets another of these users, which own nothing: limits count per
// user, and what escaped would not be root. From the range that Debian keeps reserved and gives to
// nobody.
constexpr int kFirstUid = 65100;
constexpr int kUids = 400;

std::string firstLine(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

ChildWorkers::ChildWorkers(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {
    // Orphaned grandchildren become our children, so that RunningChild can see them end.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

Task<Result<Exit>> ChildWorkers::run(Child child, CancelToken cancel) {
    if (child.argv.empty())
        co_return fail(Code::internal, "a child without a program", "report this");
    const std::string name = child.argv[0];
    const fs::path program = findProgram(name, options_.searchPath);
    if (program.empty()) {
        co_return fail(Code::internal, name + " is not installed",
                       "install the package that has " + name);
    }
    if (child.cage == Cage::none) {
        Result<Exit> exit = co_await runPrepared(std::move(child), program, false, cancel);
        co_return exit;
    }
    std::error_code error;
    child.folder = fs::canonical(child.folder, error);
    if (error)
        co_return fail(Code::internal, "no folder for the cage: " + error.message(), "report this");
    if (!proc_) {
        const Status able = co_await probe(child.folder);
        if (!able) co_return std::unexpected(able.error());
    }
    Result<Exit> exit =
        co_await runPrepared(std::move(child), program, proc_.value_or(false), cancel);
    co_return exit;
}

// Finds out once what this system allows, with a child that does nothing. Failures are not
// remembered: they can be mended while the daemon runs.
Task<Status> ChildWorkers::probe(fs::path folder) {
    if (::access(options_.bubblewrap.c_str(), X_OK) != 0) {
        co_return fail(Code::internal,
                       "bubblewrap is missing: no cage for the compiler and the emulator",
                       "apt-get install bubblewrap");
    }
    if (::access(options_.helper.c_str(), X_OK) != 0) {
        co_return fail(Code::internal, options_.helper.string() + " is missing",
                       "install Tinsmith completely, or mend paths.programs");
    }
    std::string complaint;
    for (const bool proc : {true, false}) {
        Child nothing;
        nothing.argv = {"true"};
        nothing.folder = folder;
        nothing.cage = Cage::compile;
        nothing.limits.wallMs = 20'000;
        const fs::path program = findProgram("true", options_.searchPath);
        const Result<Exit> exit =
            co_await runPrepared(std::move(nothing), program, proc, CancelToken());
        if (!exit) co_return std::unexpected(exit.error());
        if (exit->code == 0) {
            proc_ = proc;
            co_return Status{};
        }
        complaint = firstLine(exit->errors);
    }
    co_return fail(Code::internal, "this system lets bubblewrap make no cage: " + complaint,
                   "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 and "
                   "user.max_user_namespaces > 0; no RestrictNamespaces= in the unit; in a "
                   "container, start it privileged");
}

Task<Result<Exit>> ChildWorkers::runPrepared(Child child, fs::path program, bool proc,
                                             CancelToken cancel) {
    if (cancel.cancelled()) co_return fail(Code::cancelled, "cancelled before it started");
    Launch launch;
    launch.folder = child.folder;
    launch.limits = child.limits;
    launch.onLine = child.onLine;
    launch.input = std::move(child.input);
    launch.environment = {"PATH=" + options_.searchPath, "LANG=C.UTF-8", "TZ=UTC",
                          "HOME=" + child.folder.string()};
    if (child.cage == Cage::none) {
        launch.argv = child.argv;
        launch.argv[0] = program.string();
    } else {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            co_return fail(Code::internal, std::strerror(errno), "raise the limit of open files");
        launch.infoRead = ends[0];
        launch.infoWrite = ends[1];
        CageOptions cage{.bubblewrap = options_.bubblewrap,
                         .helper = options_.helper,
                         .proc = proc,
                         .infoFd = ends[1]};
        if (::geteuid() == 0) {
            cage.uid = kFirstUid + nextUid_++ % kUids;
            const Status given = giveFolder(child.folder, cage.uid);
            if (!given) {
                ::close(ends[0]);
                ::close(ends[1]);
                co_return std::unexpected(given.error());
            }
        }
        launch.environment.back() = "HOME=/tmp";
        launch.argv = cageCommand(cage, child, program);
    }
    if (cgroups_) {
        auto group = cgroups_->make(child.limits.memoryBytes, child.limits.processes);
        if (group) launch.cgroup.emplace(std::move(*group));
    }
    Completion<Exit> done;
    auto started = RunningChild::start(loop_, std::move(launch),
                                       [done](Exit exit) { done.set(std::move(exit)); });
    if (!started) co_return std::unexpected(started.error());
    struct Count {
        std::size_t& value;
        explicit Count(std::size_t& counter) : value(counter) { ++value; }
        Count(const Count&) = delete;
        Count& operator=(const Count&) = delete;
        ~Count() { --value; }
    };
    const Count counted(running_);
    RunningChild& running = **started;
    const auto registration = cancel.onCancel([&running] { running.kill("cancelled"); });
    Exit exit = co_await done;
    if (exit.limit == "cancelled")
        co_return fail(Code::cancelled, "cancelled; " + program.filename().string() + " was ended");
    co_return exit;
}

}  // namespace tinsmith::daemon
