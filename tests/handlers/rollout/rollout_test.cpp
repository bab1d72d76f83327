#include <set>

#include "tests/handlers/rollout/air.hpp"

namespace tinsmith::testing {
namespace {

TEST(Rollout, CanaryThenWavesUntilAllRunTheVersion) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    for (int i = 0; i < 8; ++i) air.add("d" + std::to_string(i));
    RolloutSpec spec = Air::spec();
    spec.waves = {0.5, 1.0};
    spec.soakS = 5;
    air.start(spec);
    ASSERT_TRUE(air.runUntilEnd(120'000));
    ASSERT_TRUE(*air.result) << air.result->error().message;
    std::int64_t canary = -1;
    for (auto& [id, device] : air.devices) {
        EXPECT_TRUE(air.runs(id, 1)) << id;
        EXPECT_EQ(device->offersSeen, 1) << id;
        EXPECT_EQ(air.stateOf("r-1", id), "confirmed");
        if (id == "d0")
            canary = device->confirmedAt;
        else
            EXPECT_GE(device->confirmedAt, canary + 5000) << id;  // after the canary's soak
    }
    const Json shown = air.shown("r-1");
    EXPECT_EQ(shown["state"], "succeeded");
    EXPECT_EQ(shown["waves"].size(), 3u);
    EXPECT_EQ(shown["counts"]["confirmed"], 8);
    const Json group = air.world.journal.records.at({"group", "all"});
    EXPECT_EQ(group["version"], 1);
    EXPECT_EQ(group["model"], "motor");
    EXPECT_EQ(air.percents.back(), 100);
    EXPECT_TRUE(std::is_sorted(air.percents.begin(), air.percents.end()));
    // The same id again returns what it returned.
    air.result.reset();
    air.start(spec);
    ASSERT_TRUE(air.runUntilEnd(100));
    EXPECT_TRUE(*air.result);
}

struct Ending {
    const char* name;
    Habits habits;
    const char* state;   // of the device that misbehaves
    const char* reason;  // part of it
    int offers;          // it has seen
};

void PrintTo(const Ending& ending, std::ostream* out) {
    *out << ending.name;
}

Habits with(void (*change)(Habits&)) {
    Habits habits;
    change(habits);
    return habits;
}

const std::vector<Ending> kEndings = {
    {"absent", with([](Habits& h) { h.present = false; }), "silent", "deadline", 0},
    {"vanishes", with([](Habits& h) { h.vanishAfterBlocks = 5; }), "silent", "downloading", 1},
    {"selftest", with([](Habits& h) { h.failsSelfTest = true; }), "reverted", "selftest", 1},
    {"gateway", with([](Habits& h) { h.missesGateway = 1000; }), "silent", "no_gateway", 2},
    {"refuses", with([](Habits& h) { h.refuses = wire::Reason::old_counter; }), "refused",
     "old_counter", 1},
    {"signature", with([](Habits& h) { h.refuses = wire::Reason::bad_signature; }), "refused",
     "bad_signature", 1},
    {"lies", with([](Habits& h) { h.liesAboutConfirm = true; }), "silent", "deadline", 1},
};

class Failing : public ::testing::TestWithParam<Ending> {};

TEST_P(Failing, AsCanaryStopsEverything) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    air.add("a-canary", GetParam().habits);
    for (int i = 0; i < 3; ++i)
        air.add("d" + std::to_string(i), with([](Habits& h) { h.bootMs = 50; }));
    RolloutSpec spec = Air::spec();
    spec.deadlineS = 50;
    spec.maxFailures = 3;  // a canary may never fail, whatever this says
    // Keep the canary first even when it is absent: the others are not there yet.
    for (int i = 0; i < 3; ++i) air.devices["d" + std::to_string(i)]->goAway();
    air.run(10);
    air.start(spec);
    for (int i = 0; i < 3; ++i) air.devices["d" + std::to_string(i)]->comeBack(air.now());
    ASSERT_TRUE(air.runUntilEnd(200'000));
    ASSERT_FALSE(*air.result);
    EXPECT_EQ(air.result->error().code, Code::rollout_aborted);
    EXPECT_NE(air.result->error().message.find("canary"), std::string::npos);
    EXPECT_EQ(air.stateOf("r-1", "a-canary"), GetParam().state);
    EXPECT_NE(air.shown("r-1")["devices"]["a-canary"]["reason"].get<std::string>().find(
                  GetParam().reason),
              std::string::npos)
        << air.shown("r-1").dump(1);
    EXPECT_GE(air.devices["a-canary"]->offersSeen, GetParam().offers);
    air.run(60'000);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(air.devices["d" + std::to_string(i)]->offersSeen, 0);
        EXPECT_EQ(air.stateOf("r-1", "d" + std::to_string(i)), "waiting");
    }
    EXPECT_FALSE(air.world.journal.records.contains({"group", "all"}));
}

TEST_P(Failing, InAWaveIsCountedAgainstTheLimit) {
    for (const int allowed : {0, 1}) {
        Air air;
        air.makeVersion(1, 20'000, 2);
        for (int i = 0; i < 4; ++i) air.add("d" + std::to_string(i));
        air.add("e-bad", GetParam().habits);
        RolloutSpec spec = Air::spec();
        spec.waves = {1.0};
        spec.deadlineS = 50;
        spec.maxFailures = allowed;
        air.start(spec);
        ASSERT_TRUE(air.runUntilEnd(200'000));
        EXPECT_EQ(air.result->has_value(), allowed == 1);
        EXPECT_EQ(air.stateOf("r-1", "e-bad"), GetParam().state);
        if (allowed == 1) {
            for (int i = 0; i < 4; ++i) EXPECT_TRUE(air.runs("d" + std::to_string(i), 1));
            EXPECT_EQ((**air.result)["counts"]["confirmed"], 4);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Rollout, Failing, ::testing::ValuesIn(kEndings),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Rollout, TemporaryTroubleIsSurvived) {
    const std::vector<std::pair<const char*, Habits>> rows = {
        {"no gateway once", with([](Habits& h) { h.missesGateway = 1; })},
        {"replayed once", with([](Habits& h) {
             h.refuses = wire::Reason::replayed;
             h.refusals = 1;
         })},
        {"busy twice", with([](Habits& h) {
             h.refuses = wire::Reason::busy;
             h.refusals = 2;
         })},
        {"deaf once", with([](Habits& h) { h.deafToFirstOffer = true; })},
        {"loses blocks", with([](Habits& h) { h.loseEvery = 3; })},
        {"slow", with([](Habits& h) {
             h.bootMs = 20'000;
             h.verifyMs = 20'000;
         })},
    };
    for (const auto& [name, habits] : rows) {
        Air air;
        air.makeVersion(1, 100'000, 2);
        air.add("d0", habits);
        RolloutSpec spec = Air::spec();
        spec.deadlineS = 300;
        air.start(spec);
        ASSERT_TRUE(air.runUntilEnd(400'000)) << name;
        EXPECT_TRUE(*air.result) << name << ": " << air.shown("r-1").dump();
        EXPECT_TRUE(air.runs("d0", 1)) << name;
        EXPECT_EQ(air.devices["d0"]->needless, 0) << name;
    }
}

TEST(Rollout, ADeviceThatRebootsInTheMiddleGoesOn) {
    Air air;
    air.makeVersion(1, 400'000, 2);
    SimulatedDevice& device = air.add("d0", with([](Habits& h) { h.loseEvery = 2; }));
    air.start(Air::spec());
    for (int i = 0; i < 100 && device.blocksReceived < 100; ++i) air.run(20);
    ASSERT_FALSE(air.result);
    device.goAway();
    device.powerCycle(air.now());
    ASSERT_TRUE(air.runUntilEnd(300'000));
    EXPECT_TRUE(*air.result);
    EXPECT_EQ(device.offersSeen, 1);
}

TEST(Rollout, ADeviceThatRunsTheVersionIsConfirmedWithoutAnOffer) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    SimulatedDevice& done = air.add("d0");
    done.factoryReset(air.digest(1, 'a'), air.now());
    air.run(500);
    air.add("d1");
    air.start(Air::spec());
    ASSERT_TRUE(air.runUntilEnd(60'000));
    ASSERT_TRUE(*air.result);
    EXPECT_EQ(done.offersSeen, 0);
    EXPECT_EQ(air.devices["d1"]->offersSeen, 1);
}

TEST(Rollout, ARelapseDuringTheSoakIsAFailure) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    air.add("d0", with([](Habits& h) { h.relapseAfterMs = 10'000; }));
    air.add("d1");
    RolloutSpec spec = Air::spec();
    spec.soakS = 60;
    air.start(spec);
    ASSERT_TRUE(air.runUntilEnd(200'000));
    ASSERT_FALSE(*air.result);
    EXPECT_EQ(air.stateOf("r-1", "d0"), "reverted");
    EXPECT_EQ(air.devices["d1"]->offersSeen, 0);
}

TEST(Rollout, AFailedSelfTestIsNeverOfferedAgain) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    SimulatedDevice& device = air.add("d0", with([](Habits& h) { h.failsSelfTest = true; }));
    air.start(Air::spec());
    ASSERT_TRUE(air.runUntilEnd(60'000));
    EXPECT_FALSE(*air.result);
    RolloutSpec again = Air::spec();
    again.id = "r-again";
    air.restart();  // it is remembered in the journal, not in memory
    air.start(again);
    ASSERT_TRUE(air.runUntilEnd(60'000));
    EXPECT_FALSE(*air.result);
    EXPECT_EQ(device.offersSeen, 1);
    EXPECT_EQ(air.stateOf("r-again", "d0"), "refused");
}

TEST(Rollout, AbortAndCancel) {
    for (const bool abort : {true, false}) {
        Air air;
        air.makeVersion(1, 400'000, 2);
        for (int i = 0; i < 3; ++i)
            air.add("d" + std::to_string(i), with([](Habits& h) { h.loseEvery = 2; }));
        EXPECT_EQ(air.fleet->abort("r-1").error().code, Code::unknown_rollout);
        air.start(Air::spec());
        air.run(300);
        ASSERT_FALSE(air.result);
        if (abort) {
            EXPECT_TRUE(air.fleet->abort("r-1"));
        } else {
            air.cancel.cancel();
        }
        ASSERT_TRUE(air.runUntilEnd(2000));
        EXPECT_EQ(air.result->error().code, abort ? Code::rollout_aborted : Code::cancelled);
        EXPECT_EQ(air.shown("r-1")["state"], abort ? "aborted" : "cancelled");
        EXPECT_EQ(air.fleet->abort("r-1").error().code, Code::conflict);
        air.run(60'000);
        EXPECT_TRUE(air.runs("d0", 1));  // the one under way finished, nobody else began
        EXPECT_EQ(air.devices["d1"]->offersSeen, 0);
    }
}

TEST(Rollout, RefusesWhatCannotWork) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    const auto codeOf = [&](RolloutSpec spec) {
        air.result.reset();
        air.start(std::move(spec));
        EXPECT_TRUE(air.runUntilEnd(1000));
        return air.result->has_value() ? std::string("ok")
                                       : std::string(codeName(air.result->error().code));
    };
    EXPECT_EQ(codeOf(Air::spec()), "no_devices");
    air.add("d0");
    EXPECT_EQ(codeOf(Air::spec(7)), "unknown_version");
    Json& version = air.world.journal.records[{"version", "motor/000001"}];
    for (Json& image : version["images"]) image["board"] = "another";
    EXPECT_EQ(codeOf(Air::spec()), "unsupported");
    for (Json& image : version["images"]) image["board"] = "mps2-an386";
    air.world.signer.failWith = Error{Code::signing_failed, "no key", "", ""};
    EXPECT_EQ(codeOf(Air::spec()), "signing_failed");
    EXPECT_EQ(air.devices["d0"]->offersSeen, 0);
}

TEST(Rollout, OneAtATimeForAGroupAndADevice) {
    Air air;
    air.makeVersion(1, 400'000, 2);
    air.makeVersion(2, 20'000, 3);
    air.add("d0", {}, {"all", "some"});
    air.start(Air::spec());
    air.run(100);
    ASSERT_FALSE(air.result);
    for (const char* group : {"all", "some"}) {
        RolloutSpec other = Air::spec(2);
        other.group = group;
        CancelToken token;
        std::optional<Result<Json>> refused;
        Nursery nursery;
        const auto ask = [](Fleet& fleet, RolloutSpec spec,
                            std::optional<Result<Json>>& out) -> Task<void> {
            Result<Json> result = co_await fleet.rollout(std::move(spec), {}, CancelToken());
            out.emplace(std::move(result));
        };
        nursery.spawn(ask(*air.fleet, other, refused));
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->error().code, Code::busy);
    }
    EXPECT_EQ(air.fleet->remove("d0").error().code, Code::conflict);
    ASSERT_TRUE(air.runUntilEnd(60'000));
    EXPECT_TRUE(*air.result);
}

TEST(Rollout, ABrokerThatGoesAwayForAMinuteFailsNobody) {
    Air air;
    air.makeVersion(1, 400'000, 2);
    for (int i = 0; i < 3; ++i)
        air.add("d" + std::to_string(i), with([](Habits& h) { h.loseEvery = 3; }));
    RolloutSpec spec = Air::spec();
    spec.canary = 0;
    spec.deadlineS = 40;
    air.start(spec);
    air.run(600);
    ASSERT_FALSE(air.result);
    air.disconnect();
    air.run(60'000);
    ASSERT_FALSE(air.result) << air.shown("r-1").dump();
    air.reconnect();
    ASSERT_TRUE(air.runUntilEnd(60'000));
    EXPECT_TRUE(*air.result) << air.shown("r-1").dump();
}

TEST(Rollout, AFullDiskDelaysIt) {
    Air air;
    air.makeVersion(1, 20'000, 2);
    air.add("d0");
    air.start(Air::spec());
    air.world.journal.failWith = Error{Code::storage_full, "full", "", ""};
    air.run(20'000);
    EXPECT_FALSE(air.result);
    air.world.journal.failWith.reset();
    ASSERT_TRUE(air.runUntilEnd(60'000));
    EXPECT_TRUE(*air.result);
    EXPECT_EQ(air.devices["d0"]->replays, 0);
}

TEST(Rollout, AHundredDevicesShareTheirBlocks) {
    Air air;
    air.makeVersion(1, 150'000, 2);
    for (int i = 0; i < 100; ++i) air.add("d" + std::to_string(i));
    RolloutSpec spec = Air::spec();
    spec.waves = {1.0};
    air.start(spec);
    ASSERT_TRUE(air.runUntilEnd(120'000));
    ASSERT_TRUE(*air.result);
    const int blocks = (150'000 + 1023) / 1024;
    // Once for the canary, once for everybody else, and a little repair.
    EXPECT_LE(air.blocksPublished(), blocks * 4);
    EXPECT_EQ((**air.result)["counts"]["confirmed"], 100);
    std::cout << "100 devices, " << blocks << " blocks: " << air.blocksPublished() << " published, "
              << air.world.journal.commits << " commits, " << air.now() << " ms\n";
}

}  // namespace
}  // namespace tinsmith::testing
