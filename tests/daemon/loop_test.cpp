#include "daemon/loop.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <chrono>

#include "daemon/clock.hpp"
#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {
namespace {

TEST(Loop, PostedWorkRunsOnceEvenWhenItPostsAgain) {
    Loop loop;
    int runs = 0;
    loop.post([&] {
        ++runs;
        loop.post([&] { ++runs; });
    });
    EXPECT_TRUE(turnUntil(loop, [&] { return runs == 2; }, 1000));
    for (int i = 0; i < 5; ++i) loop.turn(5);
    EXPECT_EQ(runs, 2);
}

TEST(Loop, CallbackMayDestroyItsOwnSource) {
    Loop loop;
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    Source source;
    int calls = 0;
    source = loop.io(ends[0], EPOLLIN, [&](std::uint32_t) {
        ++calls;
        source.reset();
    });
    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    for (int i = 0; i < 5; ++i) loop.turn(5);
    EXPECT_EQ(calls, 1);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(Loop, SignalsAndExit) {
    Loop loop;
    const Source source = loop.signal(SIGUSR1, [&] { loop.exit(7); });
    ::kill(::getpid(), SIGUSR1);
    EXPECT_EQ(loop.run(), 7);
}

TEST(Clock, SleepsAndIsCancelled) {
    Loop loop;
    LoopClock clock(loop);
    const auto before = clock.steadyMs();
    EXPECT_TRUE(await(loop, clock.sleep(50, {})).has_value());
    EXPECT_GE(clock.steadyMs() - before, 50);
    CancelSource cancel;
    std::optional<Status> result;
    Nursery nursery;
    nursery.spawn(keep(clock.sleep(60'000, cancel.token()), &result));
    loop.turn(5);
    cancel.cancel();
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->error().code, Code::cancelled);
    EXPECT_GT(clock.unixMs(), 1'700'000'000'000);
}

TEST(Clock, DroppedSleepDoesNothing) {
    Loop loop;
    LoopClock clock(loop);
    {
        std::optional<Status> result;
        Nursery nursery;
        nursery.spawn(keep(clock.sleep(10, {}), &result));
    }
    for (int i = 0; i < 5; ++i) loop.turn(10);
}

}  // namespace
}  // namespace tinsmith::daemon
