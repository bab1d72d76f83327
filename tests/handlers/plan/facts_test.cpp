#include "handlers/plan/facts.hpp"

#include <gtest/gtest.h>

#include "handlers/plan/pace.hpp"
#include "tests/handlers/plan/example.hpp"

namespace tinsmith::plan {
namespace {

Json curve(std::initializer_list<std::array<double, 3>> epochs) {
    Json list = Json::array();
    for (const auto& [loss, train, validation] : epochs) {
        list.push_back({{"train_loss", loss},
                        {"train_accuracy", train},
                        {"validation_loss", 1 - validation},
                        {"validation_accuracy", validation}});
    }
    return list;
}

TEST(Facts, ConfusionNamesTheWorstPairsFirst) {
    const std::vector<std::string> classes = {"a", "b\n<x>", "c"};
    const Json confusion = {{20, 7, 3}, {1, 29, 0}, {30, 0, 0}};
    const std::string text = confusionText(confusion, classes);
    EXPECT_EQ(text.find("\"c\" taken for \"a\" 30 of 30"), 0U) << text;
    EXPECT_LT(text.find("\"a\" taken for \"b\\n<x>\" 7 of 30"),
              text.find("\"a\" taken for \"c\" 3"))
        << text;
    EXPECT_NE(text.find("never found: \"c\""), std::string::npos) << text;
    EXPECT_EQ(confusionText({{5, 0}, {0, 5}}, classes), "");
    EXPECT_EQ(confusionText(Json("nonsense"), classes), "");
    Json many = Json::array();
    for (int i = 0; i < 9; ++i) many.push_back(std::vector<int>(9, 2));
    EXPECT_NE(confusionText(many, {}).find("67 pairs with fewer"), std::string::npos)
        << confusionText(many, {});
}

TEST(Facts, CurvesAreReadAsAnEngineerReadsThem) {
    struct Case {
        Json curve;
        const char* says;
        const char* saysNot;
    };
    const Case cases[] = {
        {curve({{1.0, 0.5, 0.5},
                {0.8, 0.6, 0.55},
                {0.6, 0.7, 0.6},
                {0.5, 0.75, 0.7},
                {0.4, 0.8, 0.78}}),
         "still fell", "by heart"},
        {curve({{1.0, 0.5, 0.5},
                {0.2, 0.9, 0.7},
                {0.1, 0.99, 0.71},
                {0.05, 1.0, 0.7},
                {0.05, 1.0, 0.7}}),
         "by heart", "not learnt"},
        {curve({{1.1, 0.3, 0.3},
                {1.1, 0.34, 0.33},
                {1.1, 0.33, 0.33},
                {1.1, 0.33, 0.33},
                {1.1, 0.33, 0.33}}),
         "even the train windows are not learnt", "still fell"},
        {curve({{1.0, 0.9, 0.9},
                {0.2, 0.95, 0.95},
                {0.2, 0.95, 0.8},
                {0.2, 0.95, 0.8},
                {0.2, 0.95, 0.7}}),
         "then down to 0.700", "still fell"},
        {curve({{1.0, 0.4, 0.5},
                {0.9, 0.5, 0.7},
                {0.8, 0.6, 0.9},
                {0.7, 0.7, 0.95},
                {0.7, 0.7, 0.9}}),
         "made harder by augmentation", "not learnt"},
        {curve({{1.0, 0.4, 0.4},
                {0.9, 0.5, 0.5},
                {0.8, 0.6, 0.6},
                {0.7, 0.7, 0.7},
                {0.7, 0.7, 0.72}}),
         "even the train windows are not learnt", "augmentation"},
        {curve({{0.01, 1, 1}, {0.01, 1, 1}, {0.01, 1, 1}, {0.01, 1, 1}, {0.001, 1, 1}}), "settled",
         "still fell"},
    };
    for (const Case& c : cases) {
        const std::string text = curveText(c.curve);
        EXPECT_NE(text.find(c.says), std::string::npos) << text;
        EXPECT_EQ(text.find(c.saysNot), std::string::npos) << text;
    }
    EXPECT_EQ(curveText(Json::array()), "");
    EXPECT_EQ(curveText(Json()), "");
}

TEST(Facts, CostsNameTheLayersThatTakeTheTime) {
    const auto plan = parsePlan(examplePlan(), kVibration);
    ASSERT_TRUE(plan);
    const BoardLimits limits{"board", {25e6, 1.2, 1.3, 1.5}, 1'000'000, 256'000, 100'000, 60'000,
                             0};
    const Feasibility fit = check(*plan, kVibration, limits);
    std::uint64_t sum = 0;
    std::uint64_t parameters = 0;
    for (const LayerCost& layer : fit.cost.layers) {
        sum += layer.instructions;
        parameters += layer.parameters;
    }
    EXPECT_EQ(sum, fit.cost.networkInstructions);
    EXPECT_EQ(parameters, fit.cost.parameters);
    ASSERT_EQ(fit.cost.layers.size(), 6U);
    EXPECT_EQ(fit.cost.layers[0].name, "conv1d");
    const std::string text = costFacts(fit);
    EXPECT_NE(text.find("conv1d (computing layer 1)"), std::string::npos) << text;
    EXPECT_NE(text.find("flash 1"), std::string::npos) << text;
}

TEST(Pace, GrowsWithWindowsEpochsAndMultiplications) {
    auto plan = parsePlan(examplePlan(), kVibration);
    ASSERT_TRUE(plan);
    const double once = trainingSeconds(*plan, kVibration, 1000);
    EXPECT_GT(trainingSeconds(*plan, kVibration, 2000), once);
    plan->training.epochs *= 2;
    EXPECT_GT(trainingSeconds(*plan, kVibration, 1000), once);
    plan->network[0].filters *= 2;
    EXPECT_GT(trainingSeconds(*plan, kVibration, 1000), 1.2 * once);
}

}  // namespace
}  // namespace tinsmith::plan
