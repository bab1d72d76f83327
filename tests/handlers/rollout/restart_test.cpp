// The gateway is killed before and after each of its journal commits during a rollout; it always
// goes on to the same end.
#include "tests/handlers/rollout/air.hpp"

namespace tinsmith::testing {
namespace {

RolloutSpec spec() {
    RolloutSpec spec = Air::spec();
    spec.waves = {0.5, 1.0};
    spec.soakS = 1;
    return spec;
}

void populate(Air& air) {
    air.makeVersion(1, 30'000, 2);
    for (int i = 0; i < 4; ++i) air.add("d" + std::to_string(i));
    air.run(1000);
}

int commitsOfAWholeRollout() {
    Air air;
    populate(air);
    const int before = air.world.journal.commits;
    air.start(spec());
    EXPECT_TRUE(air.runUntilEnd(120'000));
    EXPECT_TRUE(*air.result);
    return air.world.journal.commits - before;
}

TEST(Restart, AtEveryCommitOfARollout) {
    const int commits = commitsOfAWholeRollout();
    std::cout << "a rollout to 4 devices makes " << commits << " commits\n";
    ASSERT_GT(commits, 5);
    for (int at = 1; at <= commits; ++at) {
        for (const bool after : {false, true}) {
            for (const std::int64_t pause : {10, 40'000}) {
                Air air;
                populate(air);
                const int first = air.world.journal.commits;
                const auto kill = [&](int n) {
                    if (n != first + at) return;
                    air.world.journal.dead = air.world.broker.dead = true;
                };
                (after ? air.world.journal.afterCommit : air.world.journal.beforeCommit) = kill;
                air.start(spec());
                (void)air.runUntilEnd(120'000);
                ASSERT_TRUE(air.world.journal.dead);
                air.run(pause);  // devices go on without a gateway
                air.world.journal.beforeCommit = air.world.journal.afterCommit = {};
                air.restart();
                air.start(spec());
                ASSERT_TRUE(air.runUntilEnd(300'000)) << at << after;
                ASSERT_TRUE(*air.result) << at << after << " " << air.result->error().message;
                for (auto& [id, device] : air.devices) {
                    EXPECT_TRUE(air.runs(id, 1)) << id;
                    EXPECT_EQ(device->needless, 0) << "commit " << at << " after " << after;
                    EXPECT_EQ(device->replays, 0) << "commit " << at << " after " << after;
                    EXPECT_EQ(device->offersAccepted, 1) << "commit " << at << " after " << after;
                }
            }
        }
    }
}

TEST(Restart, AnAbortThatWasAnsweredHolds) {
    Air air;
    populate(air);
    air.start(spec());
    air.run(50);
    ASSERT_TRUE(air.fleet->abort("r-1"));
    air.restart();
    air.start(spec());
    ASSERT_TRUE(air.runUntilEnd(10'000));
    EXPECT_EQ(air.result->error().code, Code::rollout_aborted);
}

TEST(Restart, AnOpenRolloutThatNobodyResumesCanBeAborted) {
    Air air;
    populate(air);
    air.start(spec());
    air.run(50);
    air.restart();
    EXPECT_EQ(air.shown("r-1")["state"], "running");
    ASSERT_TRUE(air.fleet->abort("r-1"));
    EXPECT_EQ(air.shown("r-1")["state"], "aborted");
    EXPECT_EQ(air.fleet->health()["rollouts"], 0);
}

TEST(Restart, OldRolloutsAreForgotten) {
    Air air;
    populate(air);
    air.start(spec());
    ASSERT_TRUE(air.runUntilEnd(120'000));
    air.world.clock.jump = 31LL * 24 * 3600 * 1000;
    air.restart();
    EXPECT_FALSE(air.world.broker.retained.contains("tinsmith/gw/rollout/r-1"));
    EXPECT_FALSE(air.world.journal.records.contains({"rollout", "r-1"}));
}

TEST(Restart, AWallClockThatJumpsFailsNobody) {
    for (const std::int64_t jump : {-86'400'000LL, 86'400'000LL}) {
        Air air;
        populate(air);
        air.start(spec());
        air.run(200);
        air.world.clock.jump = jump;
        ASSERT_TRUE(air.runUntilEnd(200'000));
        EXPECT_TRUE(*air.result);
    }
}

}  // namespace
}  // namespace tinsmith::testing
