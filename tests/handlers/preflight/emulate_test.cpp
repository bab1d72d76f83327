#include "handlers/preflight/emulate.hpp"

#include <gtest/gtest.h>

#include "handlers/preflight/stage.hpp"
#include "tests/handlers/preflight/case.hpp"

namespace tinsmith::preflight::test {
namespace {

struct Emulation {
    Case box;
    testing::FakeWorld world;
    CancelSource cancel;
    std::optional<Status> result;
    std::vector<int> percents;
    Nursery nursery;

    Emulation() {
        box.writeInput();
        spec.command = {"qemu", "mem-path={flash}", "{boot}", "file:{log}"};
        spec.folder = box.folder();
        spec.prepared = prepareStage(box.folder(), ignore).value();
        world.workers.script = [](const Child&) { return std::nullopt; };  // runs until it is ended
    }
    static Task<void> run(Emulation& self) {
        const auto progress = [&self](int percent, const std::string&) {
            self.percents.push_back(percent);
        };
        const Status status =
            co_await emulate(self.world.world, self.spec, progress, self.cancel.token());
        self.result = status;
    }
    void start() { nursery.spawn(run(*this)); }
    void answer(const char* flash, std::uint32_t state, std::uint32_t windows) const {
        app::PreflightAnswer answer;
        answer.state = state;
        answer.windowsDone = windows;
        std::fstream file(box.folder() / flash, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(boot::kScratchOffset + app::kPreflightAnswerOffset);
        file.write(reinterpret_cast<const char*>(&answer), sizeof answer);
    }
    EmulateSpec spec;
};

TEST(Emulate, EndsEachRunWhenTheBoardIsDone) {
    Emulation run;
    run.start();
    run.world.clock.advance(200);
    EXPECT_FALSE(run.result);
    run.answer("a-0.flash", 1, 25);
    run.world.clock.advance(200);
    EXPECT_EQ(run.world.workers.killed, 0);
    run.answer("a-0.flash", 2, 50);
    run.world.clock.advance(200);
    EXPECT_EQ(run.world.workers.killed, 1);
    ASSERT_EQ(run.world.workers.started.size(), 2u);  // slot b runs now
    run.answer("b-0.flash", 2, 32);
    run.world.clock.advance(200);
    ASSERT_TRUE(run.result);
    EXPECT_TRUE(*run.result);
    EXPECT_EQ(run.world.workers.killed, 2);
    EXPECT_EQ(run.world.workers.started[1][1],
              "mem-path=" + (run.box.folder() / "b-0.flash").string());
    EXPECT_EQ(run.world.workers.started[1][2], (run.box.folder() / "boot.elf").string());
    EXPECT_TRUE(std::is_sorted(run.percents.begin(), run.percents.end()));
    EXPECT_EQ(run.percents.back(), 100);
}

TEST(Emulate, AnEmulatorThatEndsByItselfHasFailed) {
    Emulation run;
    put(run.box.folder() / "a-0.log", "boot: no image that may run\r\n");
    run.world.workers.script = [](const Child&) {
        Exit exit;
        exit.code = 1;
        exit.errors = "qemu: out of cheese";
        return std::optional<Result<Exit>>(exit);
    };
    run.start();
    run.world.clock.advance(100);
    ASSERT_TRUE(run.result);
    ASSERT_FALSE(*run.result);
    EXPECT_EQ(run.result->error().code, Code::preflight_failed);
    EXPECT_NE(run.result->error().message.find("out of cheese"), std::string::npos);
    EXPECT_NE(run.result->error().message.find("no image that may run"), std::string::npos);
}

TEST(Emulate, ALimitIsNamed) {
    Emulation run;
    run.start();
    run.world.clock.advance(100);
    Exit exit;
    exit.code = 137;
    exit.limit = "wall";
    run.world.workers.release(exit);
    run.world.clock.advance(100);
    ASSERT_TRUE(run.result);
    EXPECT_EQ(run.result->error().code, Code::preflight_failed);
    EXPECT_NE(run.result->error().message.find("wall limit"), std::string::npos);
}

TEST(Emulate, CancelKillsTheEmulator) {
    Emulation run;
    run.start();
    run.world.clock.advance(100);
    run.cancel.cancel();
    run.world.clock.advance(100);
    ASSERT_TRUE(run.result);
    EXPECT_EQ(run.result->error().code, Code::cancelled);
    EXPECT_EQ(run.world.workers.killed, 1);
    EXPECT_EQ(run.world.workers.started.size(), 1u);
}

}  // namespace
}  // namespace tinsmith::preflight::test
