#include "handlers/flow/job.hpp"

#include <gtest/gtest.h>

#include "tests/fakes/fake_world.hpp"

namespace tinsmith {
namespace {

using testing::FakeWorld;

struct Counts {
    int first = 0;
    int second = 0;
};

Task<Result<Json>> counted(int& counter, Json value) {
    ++counter;
    co_return value;
}

Task<Result<Json>> failing(int& counter) {
    ++counter;
    co_return fail(Code::llm_unavailable, "down");
}

Task<Result<Json>> child(World& world, CancelToken cancel) {
    Child sleeper;
    Result<Exit> exit = co_await world.workers.run(sleeper, cancel);
    if (!exit) co_return std::unexpected(exit.error());
    co_return Json{{"code", exit->code}};
}

Task<Result<Json>> twoSteps(Job& job, Counts& counts) {
    const Json inputs = {{"x", 1}};
    const Json a = {{"a", 1}};
    const Json b = {{"b", 2}};
    Result<Json> first = co_await job.step("first", inputs, counted(counts.first, a));
    if (!first) co_return std::unexpected(first.error());
    Result<Json> second = co_await job.step("second", *first, counted(counts.second, b));
    co_return second;
}

Status begin(FakeWorld& fake, Jobs& jobs, const std::string& id, const std::string& verb) {
    auto committed = fake.journal.commit({jobs.admit(id, verb, "ann", Json::object())});
    if (committed) jobs.start(id);
    return committed;
}

std::string state(FakeWorld& fake, const std::string& id) {
    return fake.journal.records.at({"job", id}).at("state");
}

TEST(Job, RunsItsStepsAndEndsOnce) {
    FakeWorld fake;
    Counts counts;
    Jobs jobs(fake.world);
    jobs.add("two", [&](Job& job) { return twoSteps(job, counts); });
    ASSERT_TRUE(begin(fake, jobs, "j-1", "two"));
    EXPECT_EQ(state(fake, "j-1"), "succeeded");
    EXPECT_EQ(fake.journal.records.at({"job", "j-1"}).at("result"), Json({{"b", 2}}));
    EXPECT_EQ(jobs.unfinished(), 0U);
    const Json shown = Json::parse(fake.broker.retained.at("tinsmith/gw/job/j-1"));
    EXPECT_EQ(shown.at("percent"), 100);
    EXPECT_FALSE(shown.contains("request"));
}

TEST(Job, KilledAroundEveryCommitItEndsTheSameAndRunsNoFinishedStepAgain) {
    int commits = 0;
    {
        FakeWorld fake;
        Counts counts;
        Jobs jobs(fake.world);
        jobs.add("two", [&](Job& job) { return twoSteps(job, counts); });
        ASSERT_TRUE(begin(fake, jobs, "j-1", "two"));
        commits = fake.journal.commits;
    }
    for (int kill = 2; kill <= commits; ++kill) {
        for (const bool before : {true, false}) {
            FakeWorld fake;
            Counts counts;
            const auto die = [&](int n) {
                if (n == kill) fake.journal.dead = fake.broker.dead = true;
            };
            (before ? fake.journal.beforeCommit : fake.journal.afterCommit) = die;
            {
                Jobs jobs(fake.world);
                jobs.add("two", [&](Job& job) { return twoSteps(job, counts); });
                ASSERT_TRUE(begin(fake, jobs, "j-1", "two"));
            }
            fake.journal.dead = fake.broker.dead = false;
            fake.journal.beforeCommit = fake.journal.afterCommit = nullptr;
            Jobs jobs(fake.world);
            jobs.add("two", [&](Job& job) { return twoSteps(job, counts); });
            ASSERT_TRUE(jobs.resume());
            EXPECT_EQ(state(fake, "j-1"), "succeeded") << "killed at commit " << kill;
            EXPECT_LE(counts.first, 2);
            EXPECT_LE(counts.first + counts.second, 3) << "killed at commit " << kill;
        }
    }
    std::printf("killed before and after each of %d commits\n", commits - 1);
}

TEST(Job, ARememberedErrorIsReturnedAgain) {
    FakeWorld fake;
    int calls = 0;
    int after = 0;
    const auto story = [&](Job& job) -> Task<Result<Json>> {
        return [](Job& j, int& c, int& a, World& w) -> Task<Result<Json>> {
            Result<Json> asked = co_await j.step("ask", j.request(), failing(c));
            EXPECT_FALSE(asked);
            EXPECT_EQ(asked.error().code, Code::llm_unavailable);
            ++a;
            Result<Json> waited = co_await j.step("wait", j.request(), child(w, j.token()));
            co_return waited;
        }(job, calls, after, fake.world);
    };
    fake.workers.script = [](const Child&) { return std::nullopt; };
    {
        Jobs jobs(fake.world);
        jobs.add("ask", story);
        ASSERT_TRUE(begin(fake, jobs, "j-1", "ask"));
        EXPECT_EQ(state(fake, "j-1"), "running");
    }
    fake.workers.hanging.clear();
    Jobs jobs(fake.world);
    jobs.add("ask", story);
    ASSERT_TRUE(jobs.resume());
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(after, 2);
    fake.workers.release();
    EXPECT_EQ(state(fake, "j-1"), "succeeded");
}

TEST(Job, ChangedInputsRunTheStepAndAllLaterOnesAgain) {
    FakeWorld fake;
    Counts counts;
    int version = 1;
    const auto story = [&](Job& job) -> Task<Result<Json>> {
        return [](Job& j, Counts& c, int in, World& w) -> Task<Result<Json>> {
            const Json inputs = {{"in", in}};
            const Json a = {{"a", 1}};
            Result<Json> first = co_await j.step("first", inputs, counted(c.first, a));
            Result<Json> second = co_await j.step("second", a, counted(c.second, a));
            Result<Json> waited = co_await j.step("wait", j.request(), child(w, j.token()));
            co_return waited;
        }(job, counts, version, fake.world);
    };
    fake.workers.script = [](const Child&) { return std::nullopt; };
    {
        Jobs jobs(fake.world);
        jobs.add("v", story);
        ASSERT_TRUE(begin(fake, jobs, "j-1", "v"));
    }
    version = 2;
    fake.workers.hanging.clear();
    Jobs jobs(fake.world);
    jobs.add("v", story);
    ASSERT_TRUE(jobs.resume());
    EXPECT_EQ(counts.first, 2);
    EXPECT_EQ(counts.second, 2);
    fake.workers.release();
    EXPECT_EQ(state(fake, "j-1"), "succeeded");
}

Task<Result<Json>> heavyStory(Job& job) {
    Result<Json> done =
        co_await job.step("heavy", job.request(), child(job.world(), job.token()), Weight::heavy);
    co_return done;
}

TEST(Jobs, OneHeavyJobAtATimeAndCancelKillsItsChild) {
    FakeWorld fake;
    fake.workers.script = [](const Child&) { return std::nullopt; };
    Jobs jobs(fake.world);
    jobs.add("heavy", heavyStory);
    for (const char* id : {"j-1", "j-2", "j-3"}) ASSERT_TRUE(begin(fake, jobs, id, "heavy"));
    EXPECT_EQ(fake.workers.started.size(), 1U);
    EXPECT_EQ(jobs.heavyJob(), "j-1");
    ASSERT_TRUE(jobs.cancel("j-2"));
    EXPECT_EQ(state(fake, "j-2"), "cancelled");
    ASSERT_TRUE(jobs.cancel("j-1"));
    EXPECT_EQ(fake.workers.killed, 1);
    EXPECT_EQ(state(fake, "j-1"), "cancelled");
    EXPECT_EQ(fake.workers.started.size(), 2U);
    EXPECT_EQ(jobs.heavyJob(), "j-3");
    fake.workers.release();
    EXPECT_EQ(state(fake, "j-3"), "succeeded");
    EXPECT_EQ(jobs.cancel("j-3").error().code, Code::conflict);
    EXPECT_EQ(jobs.cancel("j-9").error().code, Code::unknown_job);
}

TEST(Jobs, AFullDiskEndsNothingAndTheJobRunsOnWithRoom) {
    FakeWorld fake;
    Counts counts;
    Jobs jobs(fake.world);
    jobs.add("two", [&](Job& job) { return twoSteps(job, counts); });
    for (const char* id : {"j-1", "j-2"})
        ASSERT_TRUE(fake.journal.commit({jobs.admit(id, "two", "ann", Json::object())}));
    fake.journal.failWith = Error{Code::storage_full, "disk full", "", ""};
    jobs.start("j-1");
    jobs.start("j-2");
    fake.clock.advance(60'000);
    EXPECT_EQ(state(fake, "j-1"), "queued");
    EXPECT_EQ(jobs.unfinished(), 2U);
    EXPECT_EQ(counts.first, 2) << "nothing is done over and over while it cannot be kept";
    ASSERT_TRUE(jobs.cancel("j-2"));
    fake.journal.failWith.reset();
    fake.clock.advance(1000);
    EXPECT_EQ(state(fake, "j-1"), "succeeded");
    EXPECT_EQ(state(fake, "j-2"), "cancelled");
    EXPECT_EQ(jobs.unfinished(), 0U);
}

TEST(Jobs, AThrownDefectEndsOnlyThatJob) {
    FakeWorld fake;
    Jobs jobs(fake.world);
    jobs.add("bad", [](Job&) -> Task<Result<Json>> {
        return []() -> Task<Result<Json>> {
            throw std::runtime_error("defect");
            co_return Json();
        }();
    });
    ASSERT_TRUE(begin(fake, jobs, "j-1", "bad"));
    EXPECT_EQ(state(fake, "j-1"), "failed");
    EXPECT_EQ(fake.journal.records.at({"job", "j-1"}).at("error").at("code"), "internal");
}

}  // namespace
}  // namespace tinsmith
