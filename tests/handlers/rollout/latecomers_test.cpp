#include "tests/handlers/rollout/air.hpp"

namespace tinsmith::testing {
namespace {

void rollOut(Air& air, int version = 1) {
    air.result.reset();
    air.start(Air::spec(version));
    ASSERT_TRUE(air.runUntilEnd(300'000));
    ASSERT_TRUE(*air.result) << air.result->error().message;
}

TEST(Latecomers, ANewDeviceOfTheGroupGetsTheVersion) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    air.add("d0");
    rollOut(air);
    SimulatedDevice& late = air.add("late", {}, {});
    air.run(60'000);
    EXPECT_EQ(late.offersSeen, 0);  // nobody put it into the group yet
    EXPECT_TRUE(air.fleet->setGroups("late", {"all"}));
    air.run(30'000);
    EXPECT_TRUE(air.runs("late", 1));
    EXPECT_EQ(late.offersSeen, 1);
    EXPECT_EQ(air.devices["d0"]->offersSeen, 1);
}

TEST(Latecomers, OneThatSleptThroughTheRolloutIsBroughtUp) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    air.add("d0");
    SimulatedDevice& sleeper = air.add("sleeper");
    sleeper.goAway();
    air.result.reset();
    RolloutSpec spec = Air::spec();
    spec.deadlineS = 20;
    spec.maxFailures = 1;
    air.start(spec);
    ASSERT_TRUE(air.runUntilEnd(100'000));
    ASSERT_TRUE(*air.result);
    EXPECT_EQ(air.stateOf("r-1", "sleeper"), "silent");
    air.run(120'000);
    EXPECT_EQ(sleeper.offersSeen, 0);
    sleeper.comeBack(air.now());
    air.run(30'000);
    EXPECT_TRUE(air.runs("sleeper", 1));
}

TEST(Latecomers, AFactoryResetIsUndoneAlsoAfterARestart) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    SimulatedDevice& device = air.add("d0");
    rollOut(air);
    air.restart();
    device.factoryReset(digestOf("factory a"), air.now());
    air.run(30'000);
    EXPECT_TRUE(air.runs("d0", 1));
    EXPECT_EQ(device.replays, 0);
    EXPECT_EQ(device.offersSeen, 2);
}

TEST(Latecomers, NeverAfterAFailedSelfTestAndWithBackOffOtherwise) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    air.add("d0");
    rollOut(air);
    Habits bad;
    bad.failsSelfTest = true;
    SimulatedDevice& failing = air.add("failing", bad);
    Habits refusing;
    refusing.refuses = wire::Reason::bad_signature;
    SimulatedDevice& stubborn = air.add("stubborn", refusing);
    Habits missing;
    missing.missesGateway = 2;
    SimulatedDevice& unlucky = air.add("unlucky", missing);
    air.run(3 * 3'600'000LL);
    EXPECT_EQ(failing.offersSeen, 1);
    EXPECT_LE(stubborn.offersSeen, 4);
    EXPECT_GE(stubborn.offersSeen, 2);
    EXPECT_TRUE(air.runs("unlucky", 1));
    EXPECT_EQ(unlucky.offersSeen, 3);
}

TEST(Latecomers, WaitWhileTheirGroupIsBeingChangedAndNeverGoBack) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    air.makeVersion(2, 20'000, 3);
    air.add("d0");
    rollOut(air, 1);
    // Version 2 stops at its second device; the canary keeps it and is not brought back to
    // version 1.
    Habits bad;
    bad.failsSelfTest = true;
    air.add("e-bad", {});
    air.run(30'000);
    ASSERT_TRUE(air.runs("e-bad", 1));
    air.devices["e-bad"]->habits.failsSelfTest = true;
    air.result.reset();
    air.start(Air::spec(2));
    ASSERT_TRUE(air.runUntilEnd(300'000));
    EXPECT_FALSE(*air.result);
    const int offers = air.devices["d0"]->offersSeen;
    air.run(3'600'000);
    EXPECT_TRUE(air.runs("d0", 2));
    EXPECT_TRUE(air.runs("e-bad", 1));
    EXPECT_EQ(air.devices["d0"]->offersSeen, offers);
}

TEST(Latecomers, ManyAtOnceAreServedInTurn) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    air.add("d0");
    rollOut(air);
    for (int i = 0; i < 40; ++i) air.add("late" + std::to_string(i));
    air.run(120'000);
    for (int i = 0; i < 40; ++i) EXPECT_TRUE(air.runs("late" + std::to_string(i), 1)) << i;
}

}  // namespace
}  // namespace tinsmith::testing
