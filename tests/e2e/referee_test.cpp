// The task suite's referee: what it calls a fault, and which of two paths it calls worse.
#include <gtest/gtest.h>

#include <functional>

#include "bench/suite.hpp"

namespace tinsmith::bench {
namespace {

SuiteTask task() {
    SuiteTask task;
    task.request = {{"target", {{"accuracy", 0.9}}},
                    {"limits", {{"flash_kb", 100}, {"ram_kb", 50}, {"latency_ms", 10}}}};
    return task;
}

Json goodReport() {
    const Json plan = {{"network", "n"}};
    return {{"result",
             {{"accuracy", {{"test", 0.95}}},
              {"images", {{"0", {}}, {"1", {}}}},
              {"measured",
               {{"image_bytes", 90000}, {"ram_bytes", 40000}, {"latency_ms_range", {4, 9}}}},
              {"plan", plan}}},
            {"attempts",
             {{{"verdict", "not trained"}, {"plan", {{"network", "other"}}}},
              {{"verdict", "trained"}, {"cost", {{"fits", true}}}, {"plan", plan}}}}};
}

TEST(Referee, FirmwareThatMeetsEverythingHasNoFault) {
    EXPECT_EQ(faultOf(task(), goodReport()), "");
}

TEST(Referee, SeesEveryFault) {
    struct Case {
        const char* expected;
        std::function<void(Json& report)> change;
    };
    const std::vector<Case> cases = {
        {"misses the target", [](Json& r) { r["result"]["accuracy"]["test"] = 0.89; }},
        {"misses the target", [](Json& r) { r["result"].erase("accuracy"); }},
        {"both slots", [](Json& r) { r["result"]["images"].erase("1"); }},
        {"nothing was measured", [](Json& r) { r["result"]["measured"] = Json::object(); }},
        {"the image is", [](Json& r) { r["result"]["measured"]["image_bytes"] = 100001; }},
        {"RAM is", [](Json& r) { r["result"]["measured"]["ram_bytes"] = 50001; }},
        {"latency is", [](Json& r) { r["result"]["measured"]["latency_ms_range"] = {4, 10.5}; }},
        {"none of those", [](Json& r) { r["result"]["plan"]["network"] = "other"; }},
        {"none of those", [](Json& r) { r["attempts"][1]["cost"]["fits"] = false; }},
        {"none of those", [](Json& r) { r["attempts"] = Json::array(); }},
    };
    for (const Case& each : cases) {
        Json report = goodReport();
        each.change(report);
        EXPECT_NE(faultOf(task(), report).find(each.expected), std::string::npos)
            << each.expected << " expected, said: " << faultOf(task(), report);
    }
}

std::vector<Outcome> outcomes(const std::vector<std::pair<std::string, double>>& list) {
    std::vector<Outcome> all;
    for (const auto& [name, accuracy] : list) {
        all.emplace_back().task = name;
        all.back().accuracy = accuracy;
    }
    return all;
}

TEST(Referee, ComparesTasksByTheirMeanOverSeeds) {
    // No path has a model of "c".
    const auto first = outcomes({{"a", 0.9}, {"a", 0.8}, {"b", 0.7}, {"c", -1}});
    const auto second = outcomes({{"a", 0.8}, {"a", 0.9}, {"b", 0.72}, {"c", -1}});
    const Comparison comparison = compare(first, second);
    ASSERT_EQ(comparison.tasks.size(), 2U);
    EXPECT_EQ(comparison.tasks[1].name, "b");
    EXPECT_NEAR(comparison.tasks[0].first, 0.85, 1e-9);
    EXPECT_NEAR(comparison.first, (0.85 + 0.7) / 2, 1e-9);
    EXPECT_NEAR(comparison.second, (0.85 + 0.72) / 2, 1e-9);
    EXPECT_EQ(worseIn(comparison), "");
    EXPECT_EQ(worseIn(compare(second, first)),
              "the mean has 0.7750 where 0.7850 is reached; b "
              "has 0.7000 where 0.7200 is reached");
}

TEST(Referee, AModelThatIsNotMadeCountsAsNothing) {
    const Comparison comparison =
        compare(outcomes({{"a", 0.9}, {"b", 0.5}}), outcomes({{"a", -1}, {"b", 0.99}}));
    EXPECT_NEAR(comparison.tasks.at(0).second, 0, 1e-9);
    EXPECT_NE(worseIn(comparison).find("a has 0.0000"), std::string::npos) << worseIn(comparison);
}

}  // namespace
}  // namespace tinsmith::bench
