// Every piece of hostile code does its harm first in a throw-away namespace without our cages (own
// process ids, a copy of the state folder in a private tmpfs, everything else read-only), then
// meets the cages, with all checks before them left out.
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>

#include "daemon/clock.hpp"
#include "daemon/workers.hpp"
#include "handlers/code/compile.hpp"
#include "handlers/code/foreign_file.hpp"
#include "handlers/code/header.hpp"
#include "handlers/code/object.hpp"
#include "handlers/code/run.hpp"
#include "handlers/code/run_format.hpp"
#include "tests/daemon/hostile_code.hpp"
#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFreeMs = 600;       // what a bomb is given to show that it is one
constexpr std::int64_t kPatientMs = 6'000;  // the same on a busy machine
constexpr std::int64_t kCageSeconds = 1;    // of processor time
constexpr std::size_t kWindows = 4;

void replaceAll(std::string& text, const std::string& from, const std::string& to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

std::string contentOf(const fs::path& path, std::size_t most = 1'000'000) {
    std::ifstream in(path, std::ios::binary);
    std::string text(most, '\0');
    in.read(text.data(), static_cast<std::streamsize>(most));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    return text;
}

std::int64_t residentKilobytes() {
    std::ifstream file("/proc/self/statm");
    std::int64_t total = 0;
    std::int64_t pages = 0;
    file >> total >> pages;
    return pages * ::sysconf(_SC_PAGESIZE) / 1024;
}

// Counts who connects.
class Port {
  public:
    Port() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* plain = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(fd_, plain, length), 0);
        EXPECT_EQ(::listen(fd_, 8), 0);
        EXPECT_EQ(::getsockname(fd_, plain, &length), 0);
        number_ = ntohs(address.sin_port);
    }
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    ~Port() { ::close(fd_); }

    int number() const { return number_; }
    int taken() const {
        int count = 0;
        for (int one = -1; (one = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ++count)
            ::close(one);
        return count;
    }

  private:
    int fd_;
    int number_ = 0;
};

// A process of the same user that should live on.
class Peer {
  public:
    Peer() : child_(::fork()) {
        if (child_ != 0) return;
        ::execlp("sleep", "sleep", "1000", static_cast<char*>(nullptr));
        ::_exit(127);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    [[nodiscard]] bool lives() const {
        siginfo_t ended{};
        return ::waitid(P_PID, static_cast<id_t>(child_), &ended, WEXITED | WNOHANG | WNOWAIT) ==
                   0 &&
               ended.si_pid == 0;
    }

  private:
    pid_t child_;
};

class HostileCode : public testing::Test {
  protected:
    HostileCode() : workers_(loop_, {.helper = TINSMITH_CAGE, .searchPath = "/usr/bin:/bin"}) {
        std::ofstream(state_.path() / "secret") << kSecret << ";\n";
        std::ofstream(state_.path() / "canary") << kCanary << "\n";
        run_ = fs::path(TINSMITH_PROGRAM_DIR) / "libtinsmith_code_run.a";
    }

    Result<Exit> run(Child child) { return await(loop_, workers_.run(std::move(child), {})); }

    bool cagesWork() {
        TemporaryFolder folder;
        Child child;
        child.argv = {"true"};
        child.folder = folder.path();
        child.cage = Cage::compile;
        return run(child).has_value();
    }

    std::string filled(std::string text) const {
        replaceAll(text, "{state}", state_.path().string());
        replaceAll(text, "{port}", std::to_string(port_.number()));
        return text;
    }

    std::vector<std::string> compilerOf(const Hostile& hostile) const {
        std::vector<std::string> argv = hostile.instead;
        if (argv.empty()) argv = code::compileCommand(hostile.kind, {"gcc"});
        for (std::string& word : argv) word = filled(word);
        return argv;
    }

    // Scores of two classes, or windows of three values: the same few for all.
    std::string inputFor(code::Kind kind) {
        return kind == code::Kind::decision ? code::trialInputOf(scores_)
                                            : code::inputOf(windows_, 2);
    }

    void writeInputs(const Hostile& hostile, const fs::path& folder) {
        std::ofstream(folder / code::kHeaderFile) << code::headerText();
        std::ofstream(folder / code::sourceFile(hostile.kind)) << filled(hostile.source);
        const std::string input = inputFor(hostile.kind);
        std::ofstream(folder / code::kRunInputFile, std::ios::binary) << input;
    }

    // ---- Without a cage

    std::string freeScript(const Hostile& hostile) const {
        const auto quoted = [](const std::vector<std::string>& words) {
            std::string line;
            for (std::string word : words) {
                replaceAll(word, "'", "'\\''");
                line += "'" + word + "' ";
            }
            return line;
        };
        const std::string state = state_.path().string();
        std::string script = "mkdir -p " + state + "; echo '" + kSecret + ";' > " + state +
                             "/secret; echo " + kCanary + " > " + state + "/canary\n" +
                             "sh -c 'sleep 100; echo peer' & peer=$!\n" + "setsid " +
                             quoted(compilerOf(hostile)) + " 2>errors; echo $? >compiled\n" +
                             "cp " + code::objectFile(hostile.kind) + " object 2>/dev/null\n";
        if (hostile.instead.empty() && hostile.wall != Wall::compiler) {
            script += hostile.withLibrary
                          ? "gcc -no-pie main.c " + code::objectFile(hostile.kind) +
                                " functions.c -lm -o code-run 2>>errors\n"
                          : quoted(code::linkCommand({hostile.kind}, run_)) + " 2>>errors\n";
            script += "./code-run <code-input >code-output; echo $? >ran\n";
        }
        return script +
               "kill -0 $peer 2>/dev/null && echo alive >peer\n"
               "cat " +
               state +
               "/canary >canary 2>/dev/null || echo '(gone)' >canary\n"
               "ls " +
               state + " >state; echo >done\n";
    }

    Outcome withoutCage(const Hostile& hostile, std::int64_t wallMs) {
        TemporaryFolder folder;
        writeInputs(hostile, folder.path());
        // For objects that want a whole program around them.
        std::ofstream(folder.path() / "main.c")
            << "#include <stdio.h>\nint tinsmith_decide(const float *, int, float *);\n"
               "int main(void) { float s[2] = {0.9f, 0.1f}, m[32] = {0}; int v = "
               "tinsmith_decide(s, 2, m); fwrite(&v, 4, 1, stdout); return 0; }\n";
        std::ofstream(folder.path() / "functions.c")
            << "#include <math.h>\n__attribute__((weak)) float ts_sqrt(float x) { return "
               "sqrtf(x); }\n";
        Child child;
        const std::string here = folder.path().string();
        child.argv = {"bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"};
        for (const std::string& word : std::vector<std::string>{
                 "--tmpfs", "/tmp", "--ro-bind", run_.string(), run_.string(), "--bind", here, here,
                 "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--chdir", here, "sh", "-c",
                 freeScript(hostile)})
            child.argv.push_back(word);
        child.folder = folder.path();
        child.limits.wallMs = wallMs;
        child.limits.memoryBytes = 3'000'000'000;
        child.limits.fileBytes = 300'000'000;
        child.limits.outputBytes = 1'000'000;
        const auto exit = run(child);
        EXPECT_TRUE(exit.has_value()) << exit.error().message;
        Outcome seen;
        const auto number = [&](const char* name) {
            const std::string text = contentOf(folder.path() / name);
            return text.empty() ? -1 : std::atoi(text.c_str());
        };
        seen.compiled = number("compiled");
        seen.ran = number("ran");
        if (seen.compiled < 0) seen.compileLimit = exit->limit;
        if (seen.compiled >= 0 && seen.ran < 0) seen.runLimit = exit->limit;
        seen.errors = contentOf(folder.path() / "errors");
        seen.object = contentOf(folder.path() / "object");
        std::error_code none;
        const auto size = fs::file_size(folder.path() / "object", none);
        seen.objectBytes = none ? 0 : size;
        look(seen, folder.path() / code::kRunOutputFile);
        if (fs::exists(folder.path() / "done")) {
            seen.canary = contentOf(folder.path() / "canary");
            seen.peerAlive = fs::exists(folder.path() / "peer");
            std::ifstream names(folder.path() / "state");
            for (std::string name; std::getline(names, name);) seen.state.push_back(name);
        } else {
            // Whoever kills all processes ends the script as well.
            seen.peerAlive = !exit->limit.empty();
        }
        if (!seen.canary.empty() && seen.canary.back() == '\n') seen.canary.pop_back();
        seen.connections = port_.taken();
        return seen;
    }

    static void look(Outcome& seen, const fs::path& output) {
        std::error_code none;
        const auto size = fs::file_size(output, none);
        seen.outputBytes = none ? 0 : size;
        const std::string bytes = contentOf(output, 4);
        if (bytes.size() == 4) std::memcpy(&seen.value, bytes.data(), 4);
    }

    // ---- With ours

    Outcome inCage(const Hostile& hostile) {
        TemporaryFolder folder;
        writeInputs(hostile, folder.path());
        Outcome seen;
        Child compiler = code::compileChild(compilerOf(hostile), folder.path());
        compiler.limits.cpuSeconds = kCageSeconds;
        compiler.limits.wallMs = 4'000;
        compiler.limits.memoryBytes = 400'000'000;
        const auto compiled = run(compiler);
        EXPECT_TRUE(compiled.has_value()) << compiled.error().message;
        seen.compiled = compiled->code;
        seen.compileLimit = compiled->limit;
        seen.errors = compiled->errors;
        EXPECT_LE(code::shortComplaint(compiled->errors).size(), 1500u);
        inspect(hostile, folder.path(), seen);
        if (hostile.wall == Wall::program || hostile.wall == Wall::answer)
            runCaged(hostile, folder.path(), seen);
        seen.canary = contentOf(state_.path() / "canary");
        if (!seen.canary.empty()) seen.canary.pop_back();
        for (const auto& entry : fs::directory_iterator(state_.path()))
            seen.state.push_back(entry.path().filename().string());
        std::ranges::sort(seen.state);
        seen.peerAlive = peer_.lives();
        seen.connections = port_.taken();
        return seen;
    }

    static void inspect(const Hostile& hostile, const fs::path& folder, Outcome& seen) {
        const auto object =
            code::readForeignFile(folder / code::objectFile(hostile.kind), code::kMaxObjectBytes);
        if (!object) {
            seen.refused = object.error().message;
            return;
        }
        seen.object = *object;
        seen.objectBytes = object->size();
        const auto inspected = code::inspectObject(hostile.kind, bytesOf(*object));
        if (!inspected) seen.refused = inspected.error().message;
        const auto graph = code::readForeignFile(folder / code::graphFile(hostile.kind), 1u << 20);
        const auto stack = code::inspectCalls(hostile.kind, graph ? *graph : "");
        if (inspected && !stack) seen.refused = stack.error().message;
    }

    static std::span<const std::uint8_t> bytesOf(const std::string& text) {
        return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
    }

    void runCaged(const Hostile& hostile, const fs::path& folder, Outcome& seen) {
        const auto linked = run(code::linkChild({hostile.kind}, run_, folder));
        EXPECT_EQ(linked->code, 0) << linked->errors;
        const bool decision = hostile.kind == code::Kind::decision;
        Child program = code::runChild(folder, code::outputBytes(kWindows, decision ? 1 : 2));
        program.limits.cpuSeconds = kCageSeconds;
        const auto ran = run(program);
        EXPECT_TRUE(ran.has_value()) << ran.error().message;
        seen.ran = ran->code;
        seen.runLimit = ran->limit;
        EXPECT_LE(ran->errors.size(), 65'536u);
        look(seen, folder / code::kRunOutputFile);
        const Status ended = code::checkExit(hostile.kind, *ran);
        if (!ended) {
            seen.verdict = ended.error().message;
            return;
        }
        const auto output = code::readForeignFile(folder / code::kRunOutputFile, 1u << 20);
        if (!output) {
            seen.verdict = output.error().message;
        } else if (decision) {
            const auto decisions = code::decisionsFrom(*output, scores_);
            if (!decisions) seen.verdict = decisions.error().message;
        } else {
            const auto features = code::featuresFrom(*output, windows_, 2);
            if (!features) seen.verdict = features.error().message;
        }
    }

    Loop loop_;
    ChildWorkers workers_;
    TemporaryFolder state_;
    Port port_;
    Peer peer_;
    fs::path run_;
    std::vector<std::int8_t> outputs_ = {100, -100, -100, 100, 90, -90, -80, 70};
    code::Scores scores_ = {.outputs = outputs_, .classes = 2, .anew = {true, false, true, false}};
    std::vector<float> samples_ = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    code::Windows windows_ = {
        {samples_.data(), samples_.data() + 3, samples_.data() + 6, samples_.data() + 9}, 3, 1};
};

TEST_F(HostileCode, HarmsNobodyInOurCages) {
    if (!cagesWork()) GTEST_SKIP() << "bubblewrap cannot make namespaces here";
    std::vector<Hostile> all = hostileToTheCompiler();
    for (auto more : {hostileObjects(), hostilePrograms()})
        all.insert(all.end(), more.begin(), more.end());
    std::set<std::string> names;
    std::size_t compilers = 0;
    std::size_t programs = 0;
    std::int64_t before = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Hostile& hostile = all[i];
        SCOPED_TRACE(hostile.name);
        names.insert(hostile.name + std::to_string(static_cast<int>(hostile.wall)));
        EXPECT_EQ(code::checkSource(hostile.kind, filled(hostile.source)).has_value(),
                  !hostile.sourceRefuses);
        Outcome harmed = withoutCage(hostile, kFreeMs);
        if (!hostile.harm(harmed).empty()) harmed = withoutCage(hostile, kPatientMs);
        EXPECT_EQ(hostile.harm(harmed), "")
            << "no harm without a cage; " << harmed.errors.substr(0, 1000);
        const Outcome held = inCage(hostile);
        EXPECT_EQ(hostile.held(held), "") << "in the cage; " << held.errors.substr(0, 1000);
        EXPECT_EQ(held.canary, kCanary);
        EXPECT_EQ(held.state, (std::vector<std::string>{"canary", "secret"}));
        EXPECT_EQ(held.connections, 0);
        EXPECT_TRUE(held.peerAlive);
        compilers += hostile.instead.empty() && held.compiled != -1 ? 1 : 0;
        programs += held.ran != -1 ? 1 : 0;
        if (i == 9) before = residentKilobytes();
    }
    EXPECT_EQ(names.size(), all.size());
    EXPECT_GE(all.size(), 60u);
    EXPECT_GE(compilers, 25u);
    EXPECT_GE(programs, 15u);
    const std::int64_t grown = residentKilobytes() - before;
    std::printf("%zu pieces of hostile code, %zu ran; we grew by %lld KB\n", all.size(), programs,
                static_cast<long long>(grown));
#ifndef TINSMITH_SANITIZED
    EXPECT_LE(grown, 4'000);
#endif
    EXPECT_EQ(workers_.running(), 0u);

    // And the work goes on.
    Hostile harmless{"harmless",
                     Wall::answer,
                     "int tinsmith_decide(const float *scores, int classes, float *memory) {\n"
                     "  return scores[0] > scores[1] ? 0 : 1;\n}\n",
                     {},
                     {}};
    const Outcome good = inCage(harmless);
    EXPECT_EQ(good.refused, "");
    EXPECT_EQ(good.verdict, "");
    EXPECT_EQ(good.ran, 0);
    EXPECT_EQ(good.outputBytes, code::outputBytes(2 * kWindows, 1));
    EXPECT_FALSE(fs::exists("/usr/tinsmith-mark"));
}

}  // namespace
}  // namespace tinsmith::daemon
