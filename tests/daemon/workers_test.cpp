#include "daemon/workers.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "daemon/clock.hpp"
#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {
namespace {

namespace fs = std::filesystem;

const std::string kHostile = TINSMITH_HOSTILE;

class WorkersTest : public testing::Test {
  protected:
    WorkersTest() : workers_(loop_, {.helper = TINSMITH_CAGE, .searchPath = "/usr/bin:/bin"}) {}

    Child hostile(Cage cage, std::vector<std::string> words) {
        Child child;
        child.argv = {kHostile};
        child.argv.insert(child.argv.end(), words.begin(), words.end());
        child.folder = folder_.path();
        child.cage = cage;
        child.limits.wallMs = 10'000;
        return child;
    }

    Result<Exit> run(Child child) { return await(loop_, workers_.run(std::move(child), {})); }

    // Cages are what this suite is about; where the system cannot make any, that is one clear
    // error, tested below.
    bool cagesWork() {
        const auto exit = run(hostile(Cage::compile, {"hello"}));
        if (!exit)
            std::printf("no cages here: %s (%s)\n", exit.error().message.c_str(),
                        exit.error().hint.c_str());
        return exit.has_value();
    }

    Loop loop_;
    ChildWorkers workers_;
    TemporaryFolder folder_;
};

#define NEEDS_CAGES() \
    if (!cagesWork()) GTEST_SKIP() << "bubblewrap cannot make namespaces here"

TEST_F(WorkersTest, StreamsLinesAndKeepsOutput) {
    Child child;
    child.argv = {"sh", "-c", "read word; echo $word; printf 'a\\nb'; echo oops >&2; exit 7"};
    child.folder = folder_.path();
    child.input = "tin\n";
    std::vector<std::string> lines;
    child.onLine = [&](std::string_view line) { lines.emplace_back(line); };
    const auto exit = run(child);
    ASSERT_TRUE(exit.has_value());
    EXPECT_EQ(exit->code, 7);
    EXPECT_EQ(lines, (std::vector<std::string>{"tin", "a", "b"}));
    EXPECT_EQ(exit->output, "tin\na\nb");
    EXPECT_EQ(exit->errors, "oops\n");
    EXPECT_EQ(exit->limit, "");
    EXPECT_EQ(workers_.running(), 0u);
}

TEST_F(WorkersTest, MissingProgramIsAnErrorWithARemedy) {
    Child child;
    child.argv = {"no-such-program-anywhere"};
    child.folder = folder_.path();
    const auto exit = run(child);
    ASSERT_FALSE(exit.has_value());
    EXPECT_EQ(exit.error().code, Code::internal);
    EXPECT_NE(exit.error().hint.find("install"), std::string::npos);
}

TEST_F(WorkersTest, MissingBubblewrapNeverRunsUncaged) {
    ChildWorkers without(loop_, {.bubblewrap = "/nonexistent/bwrap", .helper = TINSMITH_CAGE});
    const auto mark = folder_.path() / "ran";
    const auto exit =
        await(loop_, without.run(hostile(Cage::compile, {"write", mark.string()}), {}));
    ASSERT_FALSE(exit.has_value());
    EXPECT_NE(exit.error().hint.find("bubblewrap"), std::string::npos);
    EXPECT_FALSE(fs::exists(mark));
}

TEST_F(WorkersTest, BubblewrapThatMayNotMakeNamespacesIsAnError) {
    const auto fake = folder_.path() / "bwrap";
    std::ofstream(fake)
        << "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n";
    fs::permissions(fake, fs::perms::owner_all);
    ChildWorkers without(loop_, {.bubblewrap = fake, .helper = TINSMITH_CAGE});
    const auto exit = await(loop_, without.run(hostile(Cage::emulator, {"hello"}), {}));
    ASSERT_FALSE(exit.has_value());
    EXPECT_NE(exit.error().message.find("No permissions"), std::string::npos);
    EXPECT_NE(exit.error().hint.find("unprivileged_userns_clone"), std::string::npos);
}

// ---- limits, caged or not
// --------------------------------------------------------------------------------------------

TEST_F(WorkersTest, WallClockEndsAnEndlessLoop) {
    for (const Cage cage : {Cage::none, Cage::compile}) {
        if (cage != Cage::none) {
            NEEDS_CAGES();
        }
        Child child = hostile(cage, {"loop"});
        child.limits.wallMs = 300;
        const auto exit = run(child);
        ASSERT_TRUE(exit.has_value());
        EXPECT_EQ(exit->limit, "wall");
        EXPECT_EQ(exit->signal, SIGKILL);
    }
}

TEST_F(WorkersTest, CpuLimitEndsAnEndlessLoop) {
    Child child = hostile(Cage::none, {"loop"});
    child.limits.cpuSeconds = 1;
    const auto exit = run(child);
    ASSERT_TRUE(exit.has_value());
    EXPECT_NE(exit->signal, 0);
}

TEST_F(WorkersTest, EndlessOutputIsCut) {
    for (const Cage cage : {Cage::none, Cage::emulator}) {
        if (cage != Cage::none) {
            NEEDS_CAGES();
        }
        Child child = hostile(cage, {"flood"});
        child.limits.outputBytes = 200'000;
        const auto exit = run(child);
        ASSERT_TRUE(exit.has_value());
        EXPECT_EQ(exit->limit, "output");
        EXPECT_LE(exit->output.size(), 65'536u);
    }
}

TEST_F(WorkersTest, MemoryIsBounded) {
    Child free = hostile(Cage::none, {"memory", "300"});
    EXPECT_EQ(run(free)->code, 0);
    for (const Cage cage : {Cage::none, Cage::compile}) {
        if (cage != Cage::none) {
            NEEDS_CAGES();
        }
        Child child = hostile(cage, {"memory", "300"});
        child.limits.memoryBytes = 200'000'000;
        const auto exit = run(child);
        ASSERT_TRUE(exit.has_value());
        EXPECT_NE(exit->code, 0);
    }
}

TEST_F(WorkersTest, FileSizeIsBounded) {
    Child child;
    child.argv = {"dd", "if=/dev/zero", "of=big", "bs=1000", "count=100"};
    child.folder = folder_.path();
    EXPECT_EQ(run(child)->code, 0);
    child.limits.fileBytes = 50'000;
    EXPECT_NE(run(child)->code, 0);
    EXPECT_LE(fs::file_size(folder_.path() / "big"), 100'000u);
}

// ---- harm, first without the cage, then in it
// ---------------------------------------------------------------------------

struct Harm {
    const char* name;
    std::vector<std::string> words;
    bool shownFree;      // harmless enough to be shown outside of the cage
    bool inCompileCage;  // also refused in the cage that may fork and execute
};

TEST_F(WorkersTest, HostileChildrenAreStopped) {
    NEEDS_CAGES();
    TemporaryFolder state;  // stands for the state folder
    const auto secret = state.path() / "journal.db";
    std::ofstream(secret) << "secret";
    const auto outside = state.path() / "outside";
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::listen(listener, 8), 0);
    ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
    const std::string port = std::to_string(ntohs(address.sin_port));

    const std::vector<Harm> harms = {
        {"writes outside its folder", {"write", outside.string()}, true, true},
        {"writes into /usr", {"write", "/usr/tinsmith-test"}, false, true},
        {"reads the state folder", {"read", secret.string()}, true, true},
        {"reads /etc/shadow", {"read", "/etc/shadow"}, ::geteuid() == 0, true},
        {"reads /etc/passwd", {"read", "/etc/passwd"}, true, true},
        {"connects to a local service", {"connect", port}, true, true},
        {"opens a socket", {"socket"}, true, true},
        {"makes namespaces of its own", {"userns"}, false, true},
        {"forks", {"fork", "1"}, true, false},
        {"executes another program", {"exec"}, true, false},
        {"executes a descriptor", {"execfd"}, true, false},
    };
    for (const auto& harm : harms) {
        SCOPED_TRACE(harm.name);
        if (harm.shownFree) {
            const auto exit = run(hostile(Cage::none, harm.words));
            ASSERT_TRUE(exit.has_value());
            EXPECT_EQ(exit->code, 0) << "not harmful without the cage: " << exit->output;
        }
        for (const Cage cage : {Cage::emulator, Cage::compile}) {
            const bool refused = cage == Cage::emulator || harm.inCompileCage;
            const auto exit = run(hostile(cage, harm.words));
            ASSERT_TRUE(exit.has_value()) << exit.error().message;
            EXPECT_EQ(exit->code, refused ? 1 : 0) << exit->output << exit->errors;
            EXPECT_EQ(exit->output.find("done") == std::string::npos, refused);
        }
    }
    ::close(listener);
    EXPECT_FALSE(fs::exists("/usr/tinsmith-test"));
}

TEST_F(WorkersTest, CagedChildWritesItsOwnFolderAndReadsWhatItWasGiven) {
    NEEDS_CAGES();
    TemporaryFolder given;
    std::ofstream(given.path() / "data") << "x";
    fs::permissions(given.path(), fs::perms(0755));
    Child child = hostile(Cage::emulator, {"read", (given.path() / "data").string()});
    child.readable = {given.path()};
    EXPECT_EQ(run(child)->code, 0);
    child.argv = {kHostile, "write", (given.path() / "data").string()};
    EXPECT_EQ(run(child)->code, 1);
    child.argv = {kHostile, "write", (folder_.path() / "mine").string()};
    const auto exit = run(child);
    EXPECT_EQ(exit->code, 0) << exit->output << exit->errors;
    EXPECT_TRUE(fs::exists(folder_.path() / "mine"));
}

TEST_F(WorkersTest, ForkBombIsBounded) {
    NEEDS_CAGES();
    const auto free = run(hostile(Cage::none, {"fork", "100"}));
    ASSERT_TRUE(free.has_value());
    EXPECT_EQ(free->code, 0) << "100 children are not possible even without the cage";
    Child child = hostile(Cage::compile, {"fork", "100"});
    child.limits.processes = 20;
    const auto exit = run(child);
    ASSERT_TRUE(exit.has_value());
    EXPECT_EQ(exit->code, 1) << exit->output << exit->errors;
    EXPECT_LE(std::atoi(exit->output.c_str()), 20);
}

// Cages that end, that are ended and that are ended before they stand: nobody stays, dead or alive.
TEST_F(WorkersTest, NoChildStaysAZombie) {
    NEEDS_CAGES();
    for (const std::int64_t afterMs : {-1, 0, 1, 2, 5, 10, 50}) {
        SCOPED_TRACE(afterMs);
        CancelSource cancel;
        const Source timer = loop_.after(afterMs < 0 ? 60'000 : afterMs, [&] { cancel.cancel(); });
        Child child;
        child.argv = afterMs < 0 ? std::vector<std::string>{"true"}
                                 : std::vector<std::string>{"sleep", "60"};
        child.folder = folder_.path();
        child.cage = Cage::compile;
        const auto exit = await(loop_, workers_.run(std::move(child), cancel.token()));
        EXPECT_EQ(exit.has_value(), afterMs < 0);
        siginfo_t left{};
        EXPECT_EQ(::waitid(P_ALL, 0, &left, WEXITED | WNOHANG | WNOWAIT), -1)
            << "process " << left.si_pid << " is still there";
    }
}

TEST_F(WorkersTest, CancelKillsGrandchildren) {
    for (const Cage cage : {Cage::none, Cage::compile}) {
        if (cage != Cage::none) {
            NEEDS_CAGES();
        }
        // In its own session a grandchild leaves the process group: only the cage catches it there.
        const auto note = folder_.path() / "grandchild";
        fs::remove(note);
        Child child = hostile(cage, {"grandchild", note.string()});
        if (cage == Cage::none) {
            child.argv = {"sh", "-c", "sleep 600 & echo $! > grandchild; echo left; wait"};
        }
        CancelSource cancel;
        bool left = false;
        child.onLine = [&](std::string_view line) { left = left || line == "left"; };
        std::optional<Result<Exit>> result;
        Nursery nursery;
        nursery.spawn(keep(workers_.run(child, cancel.token()), &result));
        ASSERT_TRUE(
            turnUntil(loop_, [&] { return left && fs::exists(note) && fs::file_size(note) > 0; }));
        const auto started = std::chrono::steady_clock::now();
        cancel.cancel();
        ASSERT_TRUE(turnUntil(loop_, [&] { return result.has_value(); }));
        EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2));
        ASSERT_FALSE(result->has_value());
        EXPECT_EQ(result->error().code, Code::cancelled);
        // Nothing below us is left: a caged grandchild's id is of another namespace, so all
        // processes are looked at.
        const std::string marker = cage == Cage::none ? "sleep" : kHostile;
        for (const auto& entry : fs::directory_iterator("/proc")) {
            std::ifstream file(entry.path() / "cmdline");
            std::string line;
            std::getline(file, line, '\0');
            if (cage == Cage::none) {
                int pid = 0;
                std::ifstream(note) >> pid;
                EXPECT_FALSE(entry.path().filename() == std::to_string(pid) && line == marker);
            } else {
                EXPECT_NE(line, marker);
            }
        }
    }
}

TEST_F(WorkersTest, DestroyedTaskEndsItsChild) {
    NEEDS_CAGES();
    {
        Nursery nursery;
        std::optional<Result<Exit>> result;
        bool ready = false;
        Child child = hostile(Cage::compile, {"grandchild", "note"});
        child.onLine = [&](std::string_view) { ready = true; };
        nursery.spawn(keep(workers_.run(child, {}), &result));
        ASSERT_TRUE(turnUntil(loop_, [&] { return ready; }));
    }
    EXPECT_EQ(workers_.running(), 0u);
    for (const auto& entry : fs::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline");
        std::string line;
        std::getline(file, line, '\0');
        EXPECT_NE(line, kHostile);
    }
}

// ---- what the cages are for
// ----------------------------------------------------------------------------------------------

TEST_F(WorkersTest, CrossCompilerRunsInItsCage) {
    NEEDS_CAGES();
    if (findProgram("arm-none-eabi-g++", "/usr/bin:/bin").empty())
        GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
    std::ofstream(folder_.path() / "model.cpp")
        << "#include <cstdint>\nstd::int8_t twice(std::int8_t x) { return x * 2; }\n";
    Child child;
    child.argv = {"arm-none-eabi-g++",
                  "-mcpu=cortex-m4",
                  "-mthumb",
                  "-O2",
                  "-pipe",
                  "-c",
                  "model.cpp",
                  "-o",
                  "model.o"};
    child.folder = folder_.path();
    child.cage = Cage::compile;
    const auto exit = run(child);
    ASSERT_TRUE(exit.has_value());
    EXPECT_EQ(exit->code, 0) << exit->errors;
    EXPECT_TRUE(fs::exists(folder_.path() / "model.o"));
}

TEST_F(WorkersTest, IncludeOfASecretFailsInTheCage) {
    NEEDS_CAGES();
    TemporaryFolder state;
    std::ofstream(state.path() / "signing.key") << "secret";
    std::ofstream(folder_.path() / "model.cpp")
        << "#include \"" << (state.path() / "signing.key").string() << "\"\n";
    Child child;
    child.argv = {"g++", "-c", "model.cpp", "-o", "model.o"};
    if (findProgram("g++", "/usr/bin:/bin").empty()) GTEST_SKIP() << "g++ is not installed";
    child.folder = folder_.path();
    const auto free = run(child);
    EXPECT_NE(free->errors.find("secret"), std::string::npos)
        << "the compiler shows what it includes";
    child.cage = Cage::compile;
    const auto caged = run(child);
    EXPECT_EQ(caged->errors.find("secret"), std::string::npos);
    EXPECT_NE(caged->errors.find("No such file"), std::string::npos);
}

TEST_F(WorkersTest, EmulatorRunsInItsCage) {
    NEEDS_CAGES();
    for (const char* program : {"qemu-system-arm", "arm-none-eabi-gcc"}) {
        if (findProgram(program, "/usr/bin:/bin").empty())
            GTEST_SKIP() << program << " is not installed";
    }
    // Writes 0x21 to the start of the file-backed memory and spins.
    std::ofstream(folder_.path() / "guest.s")
        << ".syntax unified\n.thumb\n.word 0x20001000\n.word start + 1\n"
           ".thumb_func\n.global start\nstart:\n ldr r0, =0x21000000\n movs r1, #0x21\n"
           " strb r1, [r0]\n1: b 1b\n.ltorg\n";
    Child compiler;
    compiler.argv = {"arm-none-eabi-gcc",     "-mcpu=cortex-m4", "-mthumb", "-nostdlib",
                     "-Wl,-Ttext=0,-e,start", "guest.s",         "-o",      "guest.elf"};
    compiler.folder = folder_.path();
    compiler.cage = Cage::compile;
    const auto compiled = run(compiler);
    ASSERT_EQ(compiled->code, 0) << compiled->errors;
    std::ofstream(folder_.path() / "flash").close();
    fs::resize_file(folder_.path() / "flash", 16 << 20);
    Child child;
    child.argv = {"qemu-system-arm",
                  "-M",
                  "mps2-an386,memory-backend=psram",
                  "-object",
                  "memory-backend-file,id=psram,size=16M,mem-path=flash,share=on",
                  "-kernel",
                  "guest.elf",
                  "-display",
                  "none",
                  "-monitor",
                  "none",
                  "-serial",
                  "file:uart.log",
                  "-nic",
                  "none",
                  "-icount",
                  "shift=0"};
    child.folder = folder_.path();
    child.cage = Cage::emulator;
    child.limits.wallMs = 2'000;
    const auto exit = run(child);
    ASSERT_TRUE(exit.has_value());
    EXPECT_EQ(exit->limit, "wall") << "the emulator ended by itself: " << exit->errors;
    std::ifstream flash(folder_.path() / "flash", std::ios::binary);
    EXPECT_EQ(flash.get(), 0x21) << exit->errors;
}

}  // namespace
}  // namespace tinsmith::daemon
