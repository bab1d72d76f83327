// Plans with a decision rule.
#include <gtest/gtest.h>

#include "handlers/plan/cost.hpp"
#include "tests/handlers/plan/example.hpp"

namespace tinsmith::plan {
namespace {

const std::string kRule =
    "int tinsmith_decide(const float *scores, int classes, float *memory) { return scores[0] > "
    "scores[1] ? 0 : 1; }";

Json planWith(const Json& code) {
    Json plan = examplePlan();
    plan["code"] = code;
    return plan;
}

TEST(PlanCode, RuleIsReadWrittenAndPaidFor) {
    const Json json = planWith({{"decision", {{"source", kRule}}}});
    const auto plan = parsePlan(json, kVibration);
    ASSERT_TRUE(plan.has_value()) << plan.error().message;
    EXPECT_EQ(plan->decision, kRule);
    EXPECT_EQ(toJson(*plan)["code"], json["code"]);
    Plan without = *plan;
    without.decision.clear();
    EXPECT_FALSE(toJson(without).contains("code"));
    const BoardLimits limits{"board", {25e6, 1.2, 1.3, 1.5}, 1'000'000, 256'000, 0, 0, 0};
    const Feasibility with = check(*plan, kVibration, limits);
    const Feasibility bare = check(without, kVibration, limits);
    EXPECT_GT(with.cost.flashBytes, bare.cost.flashBytes);
    EXPECT_GE(with.cost.ramBytes, bare.cost.ramBytes + 4096);
    EXPECT_GT(with.cost.instructions, bare.cost.instructions);
}

TEST(PlanCode, RefusesWithPath) {
    struct Case {
        Json code;
        std::string path;
    };
    const std::vector<Case> cases = {
        {{{"decision", {{"source", "#include <math.h>"}}}}, "/code/decision/source"},
        {{{"decision", {{"source", "int f(void);"}}}}, "/code/decision/source"},
        {{{"decision", {{"source", std::string(8193, 'x')}}}}, "/code/decision/source"},
        {{{"decision", {{"source", 7}}}}, "/code/decision/source"},
        {{{"decision", Json::object()}}, "/code/decision"},
        {Json::object(), "/code"},
        {{{"decision", {{"source", kRule}}}, {"main", 1}}, "/code"},
    };
    for (const Case& each : cases) {
        const auto plan = parsePlan(planWith(each.code), kVibration);
        ASSERT_FALSE(plan.has_value()) << each.code.dump().substr(0, 200);
        EXPECT_EQ(plan.error().code, Code::schema);
        EXPECT_TRUE(plan.error().path.starts_with(each.path)) << plan.error().path;
    }
    WindowShape many = kVibration;
    many.classes = 65;
    EXPECT_FALSE(parsePlan(planWith({{"decision", {{"source", kRule}}}}), many).has_value());
}

}  // namespace
}  // namespace tinsmith::plan
