#include "handlers/flow/task.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace tinsmith {
namespace {

Task<int> answer(bool& ran) {
    ran = true;
    co_return 42;
}

Task<void> store(Task<int> task, int& into) {
    into = co_await std::move(task);
}

TEST(Task, RunsOnlyWhenAwaited) {
    bool ran = false;
    {
        const Task<int> dropped = answer(ran);
    }
    EXPECT_FALSE(ran);
    int got = 0;
    Nursery nursery;
    nursery.spawn(store(answer(ran), got));
    EXPECT_TRUE(ran);
    EXPECT_EQ(got, 42);
    EXPECT_EQ(nursery.size(), 0U);
}

Task<void> await(Completion<std::string> completion, std::string& into) {
    into = co_await completion;
}

TEST(Completion, ResumesItsWaiterOnceAndKeepsAnEarlyValue) {
    Nursery nursery;
    const Completion<std::string> late;
    std::string got;
    nursery.spawn(await(late, got));
    EXPECT_EQ(nursery.size(), 1U);
    late.set("first");
    late.set("second");
    EXPECT_EQ(got, "first");
    EXPECT_EQ(nursery.size(), 0U);

    const Completion<std::string> early;
    early.set("early");
    nursery.spawn(await(early, got));
    EXPECT_EQ(got, "early");
}

TEST(Nursery, DestroysWhatStillWaitsAndLateResultsAreHarmless) {
    const Completion<std::string> never;
    std::string got = "untouched";
    {
        Nursery nursery;
        nursery.spawn(await(never, got));
    }
    never.set("too late");
    EXPECT_EQ(got, "untouched");
}

Task<int> throwing() {
    throw std::runtime_error("defect");
    co_return 1;
}

TEST(Nursery, ReportsAThrownDefectAndLivesOn) {
    std::string what;
    Nursery nursery([&](std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            what = e.what();
        }
    });
    int unused = 0;
    nursery.spawn(store(throwing(), unused));
    EXPECT_EQ(what, "defect");
    EXPECT_EQ(nursery.size(), 0U);
}

TEST(CancelToken, CallsRegisteredCallbacksOnceAndLateOnesAtOnce) {
    CancelSource source;
    int calls = 0;
    const auto kept = source.token().onCancel([&] { ++calls; });
    {
        const auto dropped = source.token().onCancel([&] { calls += 100; });
    }
    source.cancel();
    source.cancel();
    EXPECT_EQ(calls, 1);
    const auto late = source.token().onCancel([&] { ++calls; });
    EXPECT_EQ(calls, 2);
    EXPECT_FALSE(CancelToken().cancelled());
}

}  // namespace
}  // namespace tinsmith
