// The whole of preflight on the emulated board: a model is generated, compiled and linked for both
// slots with the commands of board.toml, signed with a throw-away key, run, and compared.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "handlers/build/board.hpp"
#include "handlers/build/firmware_build.hpp"
#include "handlers/build/generate.hpp"
#include "handlers/preflight/emulate.hpp"
#include "handlers/preflight/stage.hpp"
#include "tests/handlers/preflight/case.hpp"

namespace tinsmith::preflight::test {
namespace {

// Real processes without cages; `poll` reaps what has ended.
class ProcessWorkers : public Workers {
  public:
    Task<Result<Exit>> run(Child child, CancelToken cancel) override {
        const pid_t pid = ::fork();
        if (pid == 0) {
            std::vector<char*> argv;
            for (std::string& word : child.argv) argv.push_back(word.data());
            argv.push_back(nullptr);
            if (::chdir(child.folder.c_str()) == 0) ::execvp(argv[0], argv.data());
            ::_exit(127);
        }
        const Completion<Result<Exit>> end;
        running_.emplace_back(pid, end);
        const auto registration = cancel.onCancel([pid] { ::kill(pid, SIGKILL); });
        Result<Exit> exit = co_await end;
        co_return exit;
    }
    void poll() {
        for (std::size_t i = 0; i < running_.size(); ++i) {
            int status = 0;
            if (::waitpid(running_[i].first, &status, WNOHANG) <= 0) continue;
            const auto end = running_[i].second;
            running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
            Exit exit;
            exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            end.set(exit);
            return;
        }
    }

  private:
    std::vector<std::pair<pid_t, Completion<Result<Exit>>>> running_;
};

int execute(const std::vector<std::string>& command, const fs::path& folder) {
    std::vector<std::string> words = command;
    const pid_t pid = ::fork();
    if (pid == 0) {
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        if (::chdir(folder.c_str()) == 0) ::execvp(argv[0], argv.data());
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Task<void> drive(World& world, EmulateSpec spec, std::optional<Status>& out) {
    const Status status = co_await emulate(world, spec, {}, CancelToken());
    out = status;
}

Status runEmulator(const Case& box, const build::Board& board, const Json& prepared) {
    testing::FakeWorld fake;
    ProcessWorkers workers;
    World world{fake.journal, fake.broker, fake.clock,     workers,
                fake.llm,     fake.signer, fake.artefacts, fake.settings};
    EmulateSpec spec;
    spec.command = board.emulator;
    spec.folder = box.folder();
    spec.prepared = prepared;
    std::optional<Status> result;
    Nursery nursery;
    nursery.spawn(drive(world, spec, result));
    for (int i = 0; i < 12'000 && !result; ++i) {
        ::usleep(10'000);
        fake.clock.advance(10);
        workers.poll();
    }
    if (!result) return fail(Code::timeout, "the emulator did not end");
    return *result;
}

class OnBoard : public ::testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        const char* folder = std::getenv("TINSMITH_BOARDS");
        const fs::path boards =
            folder != nullptr ? fs::path(folder) : fs::path(TINSMITH_BUILD_DIR) / "firmware/boards";
        if (!fs::exists(boards / GetParam() / "board.toml") ||
            execute({"qemu-system-arm", "--version"}, "/") != 0) {
            GTEST_SKIP()
                << "preflight on the board: no firmware was built, or there is no emulator";
        }
        board = build::loadBoard(boards, GetParam()).value();
        const auto generated = build::generate(box.model.input);
        ASSERT_TRUE(generated) << generated.error().message;
        put(box.folder() / build::kSourceFile, generated->source);
        const auto tools = build::loadBoardTools(board.folder);
        ASSERT_TRUE(tools) << tools.error().message;
        for (const auto& command : build::buildCommands(*tools)) {
            ASSERT_EQ(execute(command.argv, box.folder()), 0) << command.step;
        }
        for (const int slot : {0, 1}) {
            const auto payload =
                readFile(box.folder() / build::kPayloadFiles[slot], 1 << 20).value();
            box.putImage(slot, {payload.begin(), payload.end()}, board.name);
        }
        box.input["boot"] = (board.folder / "boot.elf").string();
    }
    Result<Json> preflight() {
        box.writeInput();
        const auto prepared = prepareStage(box.folder(), ignore);
        if (!prepared) return prepared;
        const Status ran = runEmulator(box, board, *prepared);
        if (!ran) return std::unexpected(ran.error());
        put(box.folder() / "input.json", "{}");
        return checkStage(box.folder(), ignore);
    }

    Case box;
    build::Board board;
};

TEST_P(OnBoard, BothSlotsComputeWhatTheGatewayDoes) {
    const auto result = preflight();
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ((*result)["slots"]["a"]["windows"], 50);
    EXPECT_EQ((*result)["slots"]["b"]["windows"], 32);
    EXPECT_EQ((*result)["slots"]["a"]["golden"], 2);
    EXPECT_GT((*result)["stack_high_water"], 100);
    EXPECT_GT((*result)["instructions"]["inference"]["mean"], 1000);
    std::printf("%s\n", result->dump().c_str());
    // Instruction counts are the emulator's own virtual time: the same again.
    EXPECT_EQ(*preflight(), *result);
}

TEST_P(OnBoard, AnOutputThatDiffersByOneIsFound) {
    box.outputs[4 * 17 + 1] = static_cast<std::int8_t>(box.outputs[4 * 17 + 1] ^ 1);
    box.writeOutputs();
    const auto result = preflight();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::preflight_failed);
    EXPECT_NE(result.error().message.find("slot a: window 17, class 1 (left)"), std::string::npos)
        << result.error().message;
}

TEST_P(OnBoard, AnImageOfAnotherModelIsFound) {
    box.data.channels = {"x", "y"};
    box.data.samples.resize(2 * 100 * (kValidation + 8));
    for (auto& segment : box.data.segments) segment.offset = segment.offset / 3 * 2;
    ASSERT_TRUE(dataset::save(box.folder() / "data.tsd", box.data));
    const auto result = preflight();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::preflight_failed);
    EXPECT_NE(result.error().message.find("another size"), std::string::npos)
        << result.error().message;
}

INSTANTIATE_TEST_SUITE_P(Boards, OnBoard, ::testing::Values("mps2-an386", "mps2-an385"),
                         [](const auto& board) {
                             std::string name = board.param;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace tinsmith::preflight::test
