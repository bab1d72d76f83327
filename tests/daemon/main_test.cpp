// The program itself, against a real broker.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/daemon/mosquitto_process.hpp"

namespace tinsmith::daemon {
namespace {

const std::string kRoot = "tinsmith/gateway";

class ProgramTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!MosquittoProcess::installed()) GTEST_SKIP() << "mosquitto is not installed";
        server_ = std::make_unique<MosquittoProcess>(std::vector<std::string>{"tinsmith", "alice"});
        std::ofstream(folder_.path() / "password") << "tinsmith\n";
        std::ofstream(config()) << "[paths]\nstate = \"state\"\nshare = \"" TINSMITH_SOURCE_DIR
                                   "/config\"\nfirmware = \"" TINSMITH_BUILD_DIR
                                   "/firmware\"\n[broker]\nport = "
                                << server_->port()
                                << "\nuser = \"tinsmith\"\npassword_file = "
                                   "\"password\"\n[askers.alice]\nallow = [\"*\"]\n";
    }
    void TearDown() override {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    std::string config() const { return (folder_.path() / "tinsmithd.toml").string(); }

    int start() {
        const int pid = ::fork();
        if (pid == 0) {
            const std::string log = (folder_.path() / "log").string();
            if (!freopen(log.c_str(), "a", stderr)) ::_exit(1);
            const std::string file = config();
            ::execl(TINSMITHD, TINSMITHD, "--config", file.c_str(), nullptr);
            ::_exit(1);
        }
        return pid;
    }
    static int waitFor(int pid) {
        int status = 0;
        for (int i = 0; i < 1000; ++i) {
            if (::waitpid(pid, &status, WNOHANG) == pid)
                return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return -1;
    }
    long statusNumber(const std::string& name) const {
        std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with(name + ":")) return std::atol(line.c_str() + name.size() + 1);
        }
        return -1;
    }

    TemporaryFolder folder_;
    std::unique_ptr<MosquittoProcess> server_;
    int pid_ = -1;
};

TEST_F(ProgramTest, AnswersIdlesQuietlyAndStops) {
    PlainClient alice(server_->port(), "alice", "alice");
    alice.subscribe(kRoot + "/state");
    alice.subscribe(kRoot + "/response/alice/#");
    pid_ = start();
    const auto* state = alice.waitFor(kRoot + "/state", nullptr, 20'000);
    ASSERT_NE(state, nullptr);
    EXPECT_NE(state->payload.find("\"online\""), std::string::npos);
    EXPECT_EQ(alice.publish(kRoot + "/request/alice/health", R"({"id":"h-1"})"), 0);
    const auto* reply = alice.waitFor(kRoot + "/response/alice/health");
    ASSERT_NE(reply, nullptr);
    EXPECT_NE(reply->payload.find("\"status\":\"ok\""), std::string::npos) << reply->payload;

    // A second one on the same state must not start.
    EXPECT_EQ(waitFor(start()), 1);

    // Idle: small, and asleep.
    const long before = statusNumber("voluntary_ctxt_switches");
    std::this_thread::sleep_for(std::chrono::seconds(3));
    EXPECT_LE(statusNumber("voluntary_ctxt_switches") - before, 6);
    const long resident = statusNumber("VmRSS");
    std::printf("resident when idle: %ld KB\n", resident);
#ifndef TINSMITH_SANITIZED
    EXPECT_LE(resident, 15'000'000 / 1024);
#endif

    alice.received.clear();
    ::kill(pid_, SIGTERM);
    EXPECT_EQ(waitFor(pid_), 0);
    pid_ = -1;
    state = alice.waitFor(kRoot + "/state");
    ASSERT_NE(state, nullptr);
    EXPECT_NE(state->payload.find("\"offline\""), std::string::npos);
}

TEST_F(ProgramTest, StopsWithoutABroker) {
    server_->kill();
    pid_ = start();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ::kill(pid_, SIGTERM);
    EXPECT_EQ(waitFor(pid_), 0);
    pid_ = -1;
}

TEST_F(ProgramTest, BadSettingsAreRefusedWithTheirOwnStatus) {
    std::ofstream(config(), std::ios::app) << "nonsense = 1\n";
    EXPECT_EQ(waitFor(start()), 78);
    std::ifstream log(folder_.path() / "log");
    std::string line;
    std::getline(log, line);
    EXPECT_NE(line.find("tinsmithd.toml:"), std::string::npos) << line;
}

}  // namespace
}  // namespace tinsmith::daemon
