#include <gtest/gtest.h>

#include "handlers/rollout/rollout_record.hpp"

namespace tinsmith::rollout {
namespace {

std::vector<std::string> names(std::size_t count) {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back("d" + std::to_string(i));
    return ids;
}

std::vector<std::size_t> sizes(const std::vector<Wave>& waves) {
    std::vector<std::size_t> counts;
    for (const Wave& wave : waves) counts.push_back(wave.devices.size());
    return counts;
}

TEST(Waves, CanaryThenSharesThenTheRest) {
    struct Row {
        std::size_t needing, total;
        int canary;
        std::vector<double> shares;
        std::vector<std::size_t> expected;
    };
    const std::vector<Row> rows = {
        {10, 10, 1, {0.25, 1.0}, {1, 2, 7}},
        {10, 10, 1, {1.0}, {1, 9}},
        {10, 10, 0, {1.0}, {10}},
        {3, 3, 5, {1.0}, {3}},
        {1, 1, 1, {0.25, 1.0}, {1}},
        {10, 10, 1, {0.5}, {1, 4, 5}},     // nobody is left out
        {10, 10, 1, {0.01, 1.0}, {1, 9}},  // a share that the canary covers already
        {4, 10, 1, {0.5, 1.0}, {1, 3}},    // six run it already
        {0, 10, 1, {0.5, 1.0}, {}},
        {10, 10, 1, {-3.0, 7.0}, {1, 9}},
    };
    for (const Row& row : rows) {
        const auto waves = planWaves(names(row.needing), row.total, row.canary, row.shares);
        EXPECT_EQ(sizes(waves), row.expected);
        for (std::size_t i = 0; i < waves.size(); ++i)
            EXPECT_EQ(waves[i].canary, i == 0 && row.canary > 0);
    }
}

TEST(RolloutRecord, SurvivesTheJournal) {
    RolloutRecord record;
    record.spec.id = "r-1";
    record.spec.waves = {0.25, 1.0};
    record.spec.soakS = 60;
    record.waves = planWaves(names(3), 3, 1, record.spec.waves);
    record.waves[0].state = WaveState::soaking;
    record.members["d0"].state = MemberState::trial;
    record.members["d0"].deadline = 1'700'000'000'123;
    record.members["d1"].reason = "no_gateway";
    const Json json = toJson(record);
    EXPECT_EQ(toJson(recordFromJson(json)), json);
    EXPECT_EQ(recordFromJson(Json("nonsense")).members.size(), 0u);
    EXPECT_EQ(recordFromJson(Json{{"waves", 3}, {"devices", "x"}, {"shares", Json::array({"a"})}})
                  .waves.size(),
              1u);
}

}  // namespace
}  // namespace tinsmith::rollout
