#include "handlers/plan/plan.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/handlers/plan/example.hpp"

namespace tinsmith::plan {
namespace {

TEST(Plan, ReadsWhatItWrites) {
    const auto plan = parsePlan(examplePlan(), kVibration);
    ASSERT_TRUE(plan) << plan.error().message << plan.error().path;
    EXPECT_EQ(plan->network.size(), 7u);
    EXPECT_EQ(plan->training.shift, 8);
    EXPECT_EQ(plan->quantization.windows, 256);
    const auto again = parsePlan(toJson(*plan), kVibration);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(canonical(toJson(*again)), canonical(toJson(*plan)));
}

TEST(Plan, ShapesFollowTfliteRules) {
    const auto plan = parsePlan(examplePlan(), kVibration);
    ASSERT_TRUE(plan);
    const auto shapes = layerShapes(*plan, kVibration);
    ASSERT_TRUE(shapes);
    const std::vector<std::pair<int, int>> expected = {{100, 4}, {100, 16}, {50, 16}, {25, 8},
                                                       {12, 8},  {12, 8},   {1, 96},  {1, 12}};
    ASSERT_EQ(shapes->size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ((*shapes)[i].rows, expected[i].first) << i;
        EXPECT_EQ((*shapes)[i].channels, expected[i].second) << i;
    }
}

// 16 frames of 12 bins and two channels.
Json imagePlan(const char* network) {
    Json json = Json::parse(R"({"version":1,
        "features":[{"block":"spectrum","fft":32,"hop":4,"bins":8}],
        "training":{"epochs":5}})");
    json["network"] = Json::parse(network);
    return json;
}

TEST(Plan, ImagesHaveRowsAndColumns) {
    const WindowShape window{92, 2, 3};
    const auto plan = parsePlan(imagePlan(R"([
        {"layer":"image","channels":2},
        {"layer":"conv2d","filters":6,"kernel":[5,3],"stride":[2,1]},
        {"layer":"depthwise_conv2d","kernel":[3,3],"stride":[1,3],"batch_norm":true},
        {"layer":"max_pool","size":2},
        {"layer":"flatten"}])"),
                                window);
    ASSERT_TRUE(plan) << plan.error().message << plan.error().path;
    EXPECT_EQ(canonical(toJson(*parsePlan(toJson(*plan), window))), canonical(toJson(*plan)));
    const auto shapes = layerShapes(*plan, window).value();
    const std::vector<std::array<int, 3>> expected = {{16, 1, 16}, {16, 8, 2}, {8, 8, 6},
                                                      {8, 3, 6},   {4, 1, 6},  {1, 1, 24}};
    ASSERT_EQ(shapes.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ((std::array{shapes[i].rows, shapes[i].columns, shapes[i].channels}), expected[i])
            << i;
    }
}

TEST(Plan, WrongImagesAreRefusedWithTheirPath) {
    const std::pair<const char*, const char*> cases[] = {
        {R"([{"layer":"image","channels":3},{"layer":"flatten"}])", "/network/0"},
        {R"([{"layer":"image","channels":1},{"layer":"image","channels":1}])", "/network/1"},
        {R"([{"layer":"conv2d","filters":4,"kernel":[3,3]}])", "/network/0"},
        {R"([{"layer":"image","channels":1},{"layer":"conv1d","filters":4,"kernel":3}])",
         "/network/1"},
        {R"([{"layer":"image","channels":8},{"layer":"conv2d","filters":4,"kernel":[3,3]}])",
         "/network/1/kernel"},
        {R"([{"layer":"image","channels":8},{"layer":"max_pool","size":3}])", "/network/1/size"},
        {R"([{"layer":"image","channels":1},{"layer":"conv2d","filters":4,"kernel":3}])",
         "/network/1/kernel"},
        {R"([{"layer":"image","channels":1},{"layer":"dense","units":3}])", "/network/1"},
        {R"([{"layer":"image","channels":1},{"layer":"depthwise_conv2d","kernel":[2,2],"filters":3}])",
         "/network/1"},
        {R"([{"layer":"image","channels":1}])", "/network"},
    };
    for (const auto& [network, path] : cases) {
        const auto plan = parsePlan(imagePlan(network), {92, 2, 3});
        ASSERT_FALSE(plan) << network;
        EXPECT_EQ(plan.error().path, path) << plan.error().message;
        EXPECT_FALSE(plan.error().hint.empty()) << network;
    }
}

struct Bad {
    const char* what;
    void (*spoil)(Json&);
    const char* path;
    Code code = Code::schema;
};

const Bad kBad[] = {
    {"no version", [](Json& p) { p.erase("version"); }, ""},
    {"later version", [](Json& p) { p["version"] = 2; }, "/version", Code::version},
    {"version as text", [](Json& p) { p["version"] = "1"; }, "/version"},
    {"unknown key", [](Json& p) { p["extra"] = 1; }, ""},
    {"unknown layer", [](Json& p) { p["network"][1] = {{"layer", "lstm"}, {"units", 8}}; },
     "/network/1/layer"},
    {"unknown block", [](Json& p) { p["features"][0] = {{"block", "mfcc"}}; }, "/features/0/block"},
    {"a field of another layer", [](Json& p) { p["network"][1]["filters"] = 8; }, "/network/1"},
    {"missing field", [](Json& p) { p["network"][0].erase("kernel"); }, "/network/0"},
    {"wrong type", [](Json& p) { p["network"][0]["filters"] = "16"; }, "/network/0/filters"},
    {"too many filters", [](Json& p) { p["network"][0]["filters"] = 129; }, "/network/0/filters"},
    {"fractional filters", [](Json& p) { p["network"][0]["filters"] = 1.5; }, "/network/0/filters"},
    {"huge number", [](Json& p) { p["network"][0]["filters"] = 1e300; }, "/network/0/filters"},
    {"no blocks", [](Json& p) { p["features"] = Json::array(); }, "/features"},
    {"nine blocks", [](Json& p) { p["features"] = Json::array_t(9, p["features"][0]); },
     "/features"},
    {"17 layers",
     [](Json& p) { p["network"] = Json::array_t(17, Json{{"layer", "dropout"}, {"rate", 0.1}}); },
     "/network"},
    {"layer not an object", [](Json& p) { p["network"][2] = 7; }, "/network/2"},
    {"negative rate", [](Json& p) { p["training"]["learning_rate"] = -1; },
     "/training/learning_rate"},
    {"too many epochs", [](Json& p) { p["training"]["epochs"] = 100000; }, "/training/epochs"},
    {"unknown augmentation", [](Json& p) { p["training"]["augment"]["mixup"] = 1; },
     "/training/augment"},
    {"unknown calibration", [](Json& p) { p["quantization"]["calibration"] = "entropy"; },
     "/quantization/calibration"},
    {"percentile out of range",
     [](Json& p) { p["quantization"] = {{"calibration", "percentile"}, {"percentile", 49.9}}; },
     "/quantization/percentile"},
    {"percentile of another calibration", [](Json& p) { p["quantization"]["percentile"] = 99; },
     "/quantization/percentile"},
    {"too many epochs of fine-tuning", [](Json& p) { p["quantization"]["fine_tune_epochs"] = 21; },
     "/quantization/fine_tune_epochs"},
    {"fft not a power of two",
     [](Json& p) {
         p["features"][0] = {{"block", "spectrum"}, {"fft", 48}, {"hop", 8}, {"bins", 4}};
     },
     "/features/0/fft"},
    // What the schema cannot say.
    {"fft longer than the window",
     [](Json& p) {
         p["features"][0] = {{"block", "spectrum"}, {"fft", 128}, {"hop", 8}, {"bins", 4}};
     },
     "/features/0/fft"},
    {"bins do not divide",
     [](Json& p) {
         p["features"][0] = {{"block", "spectrum"}, {"fft", 32}, {"hop", 8}, {"bins", 5}};
     },
     "/features/0/bins"},
    {"conv1d on one step", [](Json& p) { p["features"][0] = {{"block", "statistics"}}; },
     "/network/0"},
    {"pool larger than its input", [](Json& p) { p["network"][3]["size"] = 64; },
     "/network/3/size"},
    {"dense on steps", [](Json& p) { p["network"].erase(5); }, "/network/5"},
    {"ends on steps",
     [](Json& p) {
         p["network"] = Json::array({{{"layer", "conv1d"}, {"filters", 4}, {"kernel", 3}}});
     },
     "/network"},
    {"too many weights",
     [](Json& p) {
         p["features"][0] = {{"block", "raw"}};
         p["network"] = Json::array({{{"layer", "conv1d"}, {"filters", 128}, {"kernel", 3}},
                                     {{"layer", "flatten"}},
                                     {{"layer", "dense"}, {"units", 256}}});
     },
     "/network/2"},
};

TEST(Plan, EveryFaultIsRefusedWithItsPath) {
    for (const Bad& bad : kBad) {
        Json json = examplePlan();
        bad.spoil(json);
        const auto plan = parsePlan(json, kVibration);
        ASSERT_FALSE(plan) << bad.what;
        EXPECT_EQ(plan.error().code, bad.code) << bad.what;
        EXPECT_EQ(plan.error().path, bad.path) << bad.what << ": " << plan.error().message;
        EXPECT_FALSE(plan.error().message.empty()) << bad.what;
        EXPECT_FALSE(plan.error().hint.empty()) << bad.what;
    }
    for (const Json& json : {Json(), Json(1), Json("x"), Json::array()}) {
        EXPECT_FALSE(parsePlan(json, kVibration));
    }
}

TEST(Plan, SmallestPlanTakesDefaults) {
    const auto plan = parsePlan(
        Json::parse(
            R"({"version":1,"features":[{"block":"raw"}],"network":[],"training":{"epochs":5}})"),
        {1, 3, 3});
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->features[0].decimate, 1);
    EXPECT_EQ(plan->training.batchSize, 32);
    EXPECT_EQ(plan->quantization.windows, 512);
}

TEST(Plan, RecipesAreReadWrittenAndTold) {
    Json json = examplePlan();
    json["quantization"] = {
        {"calibration", "percentile"}, {"percentile", 99.5},      {"windows", 128},
        {"per_channel", false},        {"bias_correction", true}, {"fine_tune_epochs", 3}};
    const auto plan = parsePlan(json, kVibration);
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->quantization,
              (Quantization{CalibrationKind::percentile, 99.5, 128, false, true, 3}));
    EXPECT_EQ(toJson(*plan)["quantization"], json["quantization"]);
    EXPECT_EQ(describe(plan->quantization),
              "percentile 99.5, per tensor, bias corrected, 3 epochs of fine-tuning");
    EXPECT_EQ(toJson(Quantization{}), Json({{"calibration", "min_max"}, {"windows", 512}}))
        << "plans without a recipe stay as they were";
}

TEST(Plan, WindowsBeyondTheBlocksAreUnsupported) {
    for (const WindowShape window : {WindowShape{5000, 3, 3}, WindowShape{100, 17, 3},
                                     WindowShape{100, 3, 1}, WindowShape{0, 3, 3}}) {
        const auto plan = parsePlan(examplePlan(), window);
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, Code::unsupported);
    }
}

}  // namespace
}  // namespace tinsmith::plan
