// Plans with generated code.
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

const std::string kFeature =
    "void tinsmith_feature(const float *window, int length, int channels, float *out) { out[0] = "
    "window[0] + (float)(length + channels); }";

Json planWithBlock() {
    Json plan = examplePlan();
    plan["features"].push_back({{"block", "code"}});
    plan["network"] = {{{"layer", "dense"}, {"units", 8}}};
    plan["training"]["augment"] = {{"noise", 0.02}};
    plan["code"] = {{"feature", {{"source", kFeature}, {"outputs", 5}}}};
    return plan;
}

TEST(PlanCode, ABlockIsReadWrittenShapedAndPaidFor) {
    const Json json = planWithBlock();
    const auto plan = parsePlan(json, kVibration);
    ASSERT_TRUE(plan.has_value()) << plan.error().message << plan.error().path;
    EXPECT_EQ(plan->feature, kFeature);
    ASSERT_NE(codeBlock(*plan), nullptr);
    EXPECT_EQ(codeBlock(*plan)->bins, 5);
    EXPECT_EQ(toJson(*plan)["code"], json["code"]);
    EXPECT_EQ(toJson(*plan)["features"][1], Json({{"block", "code"}}));
    const auto shapes = layerShapes(*plan, kVibration);
    ASSERT_TRUE(shapes.has_value());
    EXPECT_EQ(shapes->front().values(), 100 * 4 + 5) << "steps become one row";
    Plan without = *plan;
    without.features.pop_back();
    without.feature.clear();
    const BoardLimits limits{"board", {25e6, 1.2, 1.3, 1.5}, 1'000'000, 256'000, 0, 0, 0};
    const Feasibility with = check(*plan, kVibration, limits);
    const Feasibility bare = check(without, kVibration, limits);
    EXPECT_GT(with.cost.flashBytes, bare.cost.flashBytes);
    EXPECT_GE(with.cost.ramBytes, bare.cost.ramBytes + 4096 + 2048) << "the area and a window";
    EXPECT_GT(with.cost.instructions, bare.cost.instructions);
}

TEST(PlanCode, ABlockThatCannotBeIsRefused) {
    struct Case {
        Json patch;  // of planWithBlock()
        std::string path;
    };
    const Json block = {{"block", "code"}};
    const std::vector<Case> cases = {
        {{{"code", nullptr}}, "/code/feature"},
        {{{"features", {{{"block", "raw"}}}}}, "/features"},
        {{{"features", {block, block}}}, "/features"},
        {{{"code", {{"feature", {{"outputs", 257}}}}}}, "/code/feature/outputs"},
        {{{"code", {{"feature", {{"outputs", 0}}}}}}, "/code/feature/outputs"},
        {{{"code", {{"feature", {{"source", "int f(void);"}}}}}}, "/code/feature/source"},
        {{{"training", {{"augment", {{"shift", 4}}}}}}, "/training/augment"},
        {{{"training", {{"augment", {{"scale", 0.1}}}}}}, "/training/augment"},
    };
    for (const Case& each : cases) {
        Json json = planWithBlock();
        json.merge_patch(each.patch);
        const auto plan = parsePlan(json, kVibration);
        ASSERT_FALSE(plan.has_value()) << each.patch;
        EXPECT_TRUE(plan.error().path.starts_with(each.path)) << plan.error().path;
    }
    WindowShape longest = kVibration;
    longest.length = 3000;
    const auto plan = parsePlan(planWithBlock(), longest);
    ASSERT_FALSE(plan.has_value());
    EXPECT_EQ(plan.error().path, "/features/1");
    Json thinned = planWithBlock();
    thinned["conditioning"] = {{"resample", 4}};
    EXPECT_TRUE(parsePlan(thinned, longest).has_value());
}

}  // namespace
}  // namespace tinsmith::plan
