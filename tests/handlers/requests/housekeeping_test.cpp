// What is old goes; what is in use stays; over quota the expendable goes first.
#include "tests/handlers/requests/desk_fixture.hpp"

namespace tinsmith::testing {
namespace {

constexpr std::int64_t kDay = 86'400'000;

class HousekeepingTest : public DeskTest {
  protected:
    // An ended job with a step that names an artefact of its own.
    std::string oldJob(const std::string& id, std::int64_t daysAgo) {
        const std::string digest = *world.artefacts.put("artefact of " + id);
        const std::int64_t updated = world.clock.unixMs() - daysAgo * kDay;
        put("job", id,
            {{"job", id}, {"state", "succeeded"}, {"updated", updated}, {"created", updated}});
        put("step", id + "/0001", {{"name", "train"}, {"result", {{"weights", digest}}}});
        put("event", id + "/00000000", {{"text", "hello"}});
        put("request", "ada/" + id,
            {{"job", id}, {"received", updated}, {"reply", {{"status", "accepted"}}}});
        return digest;
    }
    std::string version(int number, bool released = true) {
        const std::string digest = *world.artefacts.put("version " + std::to_string(number));
        put("version", "m/00000" + std::to_string(number),
            {{"model", "m"},
             {"version", number},
             {"created", number},
             {"tflite", digest},
             {"released", released}});
        return digest;
    }
    bool hasVersion(int number) {
        return world.journal.records.contains({"version", "m/00000" + std::to_string(number)});
    }
    bool hasArtefact(const std::string& digest) {
        return std::filesystem::exists(world.artefacts.path(digest));
    }
    void tidy() {
        world.clock.advance(3'600'000);
        desk->tick();
    }
};

TEST_F(HousekeepingTest, OldJobsGoWithEverythingOfTheirs) {
    const std::string old = oldJob("j-old", 31);
    const std::string young = oldJob("j-young", 29);
    put("rollout", "r-old", {{"job", "j-old"}, {"state", "succeeded"}});
    restart();
    EXPECT_TRUE(world.broker.retained.contains("tinsmith/gw/job/j-old"));
    tidy();
    EXPECT_FALSE(world.journal.records.contains({"job", "j-old"}));
    EXPECT_FALSE(world.journal.records.contains({"step", "j-old/0001"}));
    EXPECT_FALSE(world.journal.records.contains({"event", "j-old/00000000"}));
    EXPECT_FALSE(world.journal.records.contains({"request", "ada/j-old"}));
    EXPECT_FALSE(world.journal.records.contains({"rollout", "r-old"}));
    EXPECT_FALSE(world.broker.retained.contains("tinsmith/gw/job/j-old"));
    EXPECT_FALSE(hasArtefact(old));
    EXPECT_TRUE(world.journal.records.contains({"job", "j-young"}));
    EXPECT_TRUE(world.journal.records.contains({"request", "ada/j-young"}));
    EXPECT_TRUE(hasArtefact(young));
}

TEST_F(HousekeepingTest, TheLastVersionsStayAndThoseInUse) {
    std::map<int, std::string> files;
    for (int number = 1; number <= 9; ++number) files[number] = version(number);
    put("model", "m", {{"model", "m"}, {"current", 2}, {"latest", 9}});
    put("group", "kitchen", {{"group", "kitchen"}, {"model", "m"}, {"version", 3}});
    tidy();
    for (const int number : {2, 3, 5, 6, 7, 8, 9}) {
        EXPECT_TRUE(hasVersion(number)) << number;
        EXPECT_TRUE(hasArtefact(files[number])) << number;
    }
    for (const int number : {1, 4}) {
        EXPECT_FALSE(hasVersion(number)) << number;
        EXPECT_FALSE(hasArtefact(files[number])) << number;
    }
}

TEST_F(HousekeepingTest, NothingOfARunningJobIsTouched) {
    std::map<int, std::string> files;
    for (int number = 1; number <= 9; ++number) files[number] = version(number);
    const std::string unnamed = *world.artefacts.put("of a step that is not finished");
    (void)ask("ada", "retrain", R"({"id":"r-1","model":"m","version":1})");
    tidy();
    EXPECT_TRUE(hasVersion(1));
    EXPECT_TRUE(hasArtefact(unnamed));
    finish();
    tidy();
    EXPECT_FALSE(hasVersion(1));
    EXPECT_FALSE(hasArtefact(unnamed));
}

TEST_F(HousekeepingTest, ScratchOfEndedJobsIsSwept) {
    (void)oldJob("j-ended", 1);
    const auto scratch = world.settings.stateDir / "jobs";
    std::filesystem::create_directories(scratch / "j-ended" / "x");
    std::filesystem::create_directories(scratch / "j-nobody");
    put("job", "j-runs", {{"job", "j-runs"}, {"state", "running"}, {"verb", "regenerate"}});
    std::filesystem::create_directories(scratch / "j-runs");
    tidy();
    EXPECT_FALSE(std::filesystem::exists(scratch / "j-ended"));
    EXPECT_FALSE(std::filesystem::exists(scratch / "j-nobody"));
    EXPECT_TRUE(std::filesystem::exists(scratch / "j-runs"));
}

TEST_F(HousekeepingTest, OverQuotaTheExpendableGoesAndThenStorageIsFull) {
    // Artefacts count when they lie below the state folder, as the daemon has them.
    const std::string old = oldJob("j-old", 3);
    const std::string newer = oldJob("j-new", 1);
    const std::string kept = version(2);
    const std::string unreleased = version(1, false);
    put("model", "m", {{"model", "m"}, {"current", 2}, {"latest", 2}});
    std::ofstream(world.settings.stateDir / "ballast") << std::string(10'000, 'x');
    world.settings.quotas.totalBytes = 5'000;
    world.clock.advance(20'000);  // the disk is not measured for every request
    const std::string request = R"({"id":"r-1","model":"m","dataset":"fruit"})";
    const Json refused = ask("ada", "regenerate", request);
    EXPECT_EQ(codeOf(refused), "storage_full");
    EXPECT_FALSE(world.journal.records.contains({"step", "j-old/0001"}));
    EXPECT_FALSE(world.journal.records.contains({"step", "j-new/0001"}));
    EXPECT_TRUE(world.journal.records.contains({"job", "j-new"}))
        << "what became of it is still known";
    EXPECT_FALSE(hasVersion(1));
    EXPECT_TRUE(hasVersion(2));
    EXPECT_FALSE(hasArtefact(old));
    EXPECT_FALSE(hasArtefact(newer));
    EXPECT_FALSE(hasArtefact(unreleased));
    EXPECT_TRUE(hasArtefact(kept));
    EXPECT_EQ(ask("ada", "rollout", R"({"id":"r-2","action":"start","model":"m","group":"g"})")
                  .at("status"),
              "accepted")
        << "a rollout needs no space";
    finish();
    std::filesystem::remove(world.settings.stateDir / "ballast");
    world.clock.advance(20'000);
    EXPECT_EQ(ask("ada", "regenerate", request).at("status"), "accepted");
}

TEST_F(HousekeepingTest, ADiskBelowItsReserveRefusesNewWork) {
    world.settings.quotas.reserveBytes = std::uint64_t{1} << 60;
    const Json refused = ask("ada", "regenerate", R"({"id":"r-1","model":"m","dataset":"fruit"})");
    EXPECT_EQ(codeOf(refused), "storage_full");
    bool warned = false;
    const Json health = desk->health();
    for (const Json& warning : health["warnings"])
        warned = warned || warning.value("code", "") == "disk";
    EXPECT_TRUE(warned);
}

}  // namespace
}  // namespace tinsmith::testing
