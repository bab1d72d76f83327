#include "handlers/plan/plan.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "handlers/plan/front_end.hpp"
#include "tests/handlers/plan/example.hpp"

namespace tinsmith::plan {
namespace {

TEST(Plan, ReadsWhatItWrites) {
    const auto plan = parsePlan(examplePlan(), kVibration);
    ASSERT_TRUE(plan) << plan.error().message << plan.error().path;
    EXPECT_EQ(plan->network.size(), 7u);
    EXPECT_EQ(plan->training.augment.shift, 8);
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
         "/network/1/filters"},
        {R"([{"layer":"image","channels":1}])", "/network"},
    };
    for (const auto& [network, path] : cases) {
        const auto plan = parsePlan(imagePlan(network), {92, 2, 3});
        ASSERT_FALSE(plan) << network;
        EXPECT_EQ(plan.error().path, path) << plan.error().message;
        EXPECT_FALSE(plan.error().hint.empty()) << network;
    }
}

constexpr WindowShape kVoice{8000, 1, 10, 8000};
constexpr WindowShape kPhoto{64 * 48, 3, 10, 0, 64, 48};

Json dataPlan(const char* parts) {
    Json json = Json::parse(R"({"version":1,"network":[{"layer":"flatten"}],
        "features":[{"block":"statistics"}],"training":{"epochs":5}})");
    json.merge_patch(Json::parse(parts));
    return json;
}

TEST(Plan, ReadsWhatItWritesOfData) {
    const std::pair<WindowShape, const char*> cases[] = {
        {kVoice, R"({"features":[{"block":"mel","fft":256,"hop":128,"bands":32,"low_hz":60,
            "high_hz":3800,"level":"max"}],"network":[{"layer":"image","channels":1},{"layer":"flatten"}],
            "training":{"balance":"oversample","augment":{"pitch":0.1,"gain_db":6,"mix":0.2,"time_warp":0.1}}})"},
        {kPhoto,
         R"({"features":[{"block":"image","rows":32,"columns":24,"grey":true,"normalise":"window"}],
            "training":{"balance":"none","augment":{"shift_pixels":3,"zoom":0.1,"mirror":true,"erase":0.3,
            "rotate":0,"scale":0.1,"noise":0.1}}})"},
        {kVibration, R"({"windowing":{"length":300,"stride":150},
            "conditioning":{"clip":[-2,2.5],"detrend":true,"resample":3,"loudness":"rms"},
            "cleaning":[{"do":"drop","class":"a","group":"b"},{"do":"dedupe"},{"do":"outliers","deviations":5}],
            "training":{"augment":{"rotate":10}}})"},
    };
    for (const auto& [window, parts] : cases) {
        const auto plan = parsePlan(dataPlan(parts), window);
        ASSERT_TRUE(plan) << plan.error().message << plan.error().path << parts;
        Json written = toJson(*plan);
        const auto again = parsePlan(written, window);
        ASSERT_TRUE(again) << again.error().message << again.error().path;
        EXPECT_EQ(canonical(toJson(*again)), canonical(written));
        // Everything that was asked for is there.
        Json asked = Json::parse(parts);
        asked["training"]["augment"].erase("rotate");
        Json kept = written;
        kept.merge_patch(asked);
        if (asked["training"]["augment"].empty())
            kept["training"]["augment"] = written["training"]["augment"];
        EXPECT_EQ(kept, written);
    }
}

TEST(Plan, MelAndImageHaveShapes) {
    const auto mel = parsePlan(
        dataPlan(R"({"features":[{"block":"mel","fft":256,"hop":128,"bands":32}]})"), kVoice);
    ASSERT_TRUE(mel) << mel.error().message;
    const auto bands = layerShapes(*mel, kVoice).value();
    EXPECT_EQ(bands[0].rows, 61);
    EXPECT_EQ(bands[0].channels, 32);
    const auto photo =
        parsePlan(dataPlan(R"({"features":[{"block":"image","rows":32,"columns":24}]})"), kPhoto);
    ASSERT_TRUE(photo) << photo.error().message;
    const auto pixels = layerShapes(*photo, kPhoto).value();
    EXPECT_EQ(pixels[0].rows, 32);
    EXPECT_EQ(pixels[0].channels, 72);
}

TEST(Plan, WrongDataProcessingIsRefusedWithItsPath) {
    struct Case {
        WindowShape window;
        const char* parts;
        const char* path;
    };
    const Case cases[] = {
        {kVoice, R"({"features":[{"block":"mel","fft":256,"hop":128}]})", "/features/0/bands"},
        {kVoice, R"({"features":[{"block":"mel","fft":256,"hop":128,"bands":129}]})",
         "/features/0/bands"},
        {kVoice, R"({"features":[{"block":"mel","fft":256,"hop":128,"bands":128}]})",
         "/features/0/bands"},
        {kVoice, R"({"features":[{"block":"mel","fft":256,"hop":128,"bands":8,"high_hz":4001}]})",
         "/features/0/high_hz"},
        {kVoice,
         R"({"features":[{"block":"mel","fft":256,"hop":128,"bands":8,"low_hz":900,"high_hz":900}]})",
         "/features/0/low_hz"},
        {kVibration, R"({"features":[{"block":"mel","fft":64,"hop":32,"bands":8,"high_hz":0.6}]})",
         "/features/0/high_hz"},
        {kVibration, R"({"features":[{"block":"mel","fft":128,"hop":32,"bands":8}]})",
         "/features/0/fft"},
        {kVibration, R"({"features":[{"block":"image","rows":8,"columns":8}]})", "/features/0"},
        {kPhoto, R"({"features":[{"block":"image","rows":8}]})", "/features/0/columns"},
        {kPhoto, R"({"features":[{"block":"image","rows":8,"columns":257}]})",
         "/features/0/columns"},
        {kPhoto,
         R"({"features":[{"block":"image","rows":8,"columns":8}],"conditioning":{"resample":2}})",
         "/features/0"},
        {kPhoto, R"({"windowing":{"length":64}})", "/windowing"},
        {kVibration, R"({"windowing":{"length":0}})", "/windowing/length"},
        {kVibration, R"({"windowing":{"stride":4}})", "/windowing/length"},
        {kVibration, R"({"conditioning":{"clip":[1,1]}})", "/conditioning/clip"},
        {kVibration, R"({"conditioning":{"clip":[1]}})", "/conditioning/clip"},
        {kVibration, R"({"conditioning":{"resample":64},"windowing":{"length":32}})",
         "/conditioning/resample"},
        {kVibration, R"({"conditioning":{"loudness":"loud"}})", "/conditioning/loudness"},
        {kVibration, R"({"conditioning":{"gain":2}})", "/conditioning/gain"},
        {kVibration, R"({"cleaning":[{"do":"drop"}]})", "/cleaning/0"},
        {kVibration, R"({"cleaning":[{"do":"dedupe","class":"a"}]})", "/cleaning/0/class"},
        {kVibration, R"({"cleaning":[{"do":"wipe"}]})", "/cleaning/0/do"},
        {kVibration, R"({"training":{"balance":true}})", "/training/balance"},
        {kVibration, R"({"training":{"augment":{"blur":1}}})", "/training/augment/blur"},
        {kVibration, R"({"training":{"augment":{"mirror":true}}})", "/training/augment/mirror"},
        {kVibration, R"({"training":{"augment":{"zoom":0.1}}})", "/training/augment/zoom"},
        {kVibration, R"({"training":{"augment":{"erase":0.1}}})", "/training/augment/erase"},
        {kVibration, R"({"training":{"augment":{"shift_pixels":1}}})",
         "/training/augment/shift_pixels"},
        {kPhoto, R"({"training":{"augment":{"shift":1}}})", "/training/augment/shift"},
        {kPhoto, R"({"training":{"augment":{"time_warp":0.1}}})", "/training/augment/time_warp"},
        {kPhoto, R"({"training":{"augment":{"pitch":0.1}}})", "/training/augment/pitch"},
        {kVoice, R"({"training":{"augment":{"rotate":5}}})", "/training/augment/rotate"},
    };
    for (const Case& each : cases) {
        const auto plan = parsePlan(dataPlan(each.parts), each.window);
        ASSERT_FALSE(plan) << each.parts;
        EXPECT_EQ(plan.error().path, each.path) << each.parts << plan.error().message;
        EXPECT_FALSE(plan.error().hint.empty()) << each.parts;
    }
}

// Hertz and lines as by the formula.
TEST(Plan, MelEdgesLieEvenlyOnTheMelScale) {
    Feature mel{};
    mel.kind = dsp::BlockKind::mel;
    mel.fft = 512;
    mel.bins = 10;
    const auto edges = melEdges(mel, 16000);
    ASSERT_EQ(edges.size(), 12u);
    EXPECT_EQ(edges.front(), 0u);
    EXPECT_EQ(edges.back(), 256u * 256u);
    const double step = 2595 * std::log10(1 + 8000 / 700.0) / 11;
    for (int i = 0; i < 12; ++i) {
        const double hz = 700 * (std::pow(10, i * step / 2595) - 1);
        EXPECT_NEAR(edges[i], hz * 256 * 512 / 16000, 0.51) << i;
    }
    mel.bins = 60;  // the lowest would be less than a line apart
    const auto crowded = melEdges(mel, 16000);
    for (std::size_t i = 1; i < crowded.size(); ++i) EXPECT_GE(crowded[i], crowded[i - 1] + 256);
}

TEST(Plan, PicturesAndBandsShareOneNormalisation) {
    const auto plan = parsePlan(
        dataPlan(
            R"({"features":[{"block":"raw","magnitude":true},{"block":"mel","fft":64,"hop":8,"bands":4}]})"),
        kVibration);
    ASSERT_TRUE(plan) << plan.error().message;
    const FrontEnd frontEnd(*plan, kVibration);
    const auto shared = sharedColumns(frontEnd.pipeline());
    ASSERT_EQ(shared.size(), 400u + 5 * 12);
    EXPECT_EQ(shared[399], 399u);
    for (std::size_t i = 400; i < shared.size(); ++i) EXPECT_EQ(shared[i], 400u);
}

TEST(Plan, CenterMustLeaveSomething) {
    struct Case {
        const char* block;
        WindowShape window;
        bool good;
    };
    const WindowShape one{1, 3, 3};
    const Case cases[] = {
        {R"({"block":"raw","center":true})", one, false},
        {R"({"block":"raw","center":true,"magnitude":true})", one, false},
        {R"({"block":"raw","magnitude":true})", one, true},
        {R"({"block":"raw","center":true,"decimate":16})", {16, 3, 3}, false},
        {R"({"block":"raw","center":true,"decimate":16,"magnitude":true})", {16, 3, 3}, true},
        {R"({"block":"raw","center":true,"decimate":15})", {16, 3, 3}, true},
    };
    for (const Case& each : cases) {
        Json json = examplePlan();
        json["features"] = Json::array({Json::parse(each.block)});
        json["network"] = Json::array({{{"layer", "flatten"}}});
        const auto plan = parsePlan(json, each.window);
        EXPECT_EQ(plan.has_value(), each.good) << each.block << each.window.length;
        if (plan) continue;
        EXPECT_EQ(plan.error().path, "/features/0/center") << plan.error().message;
        EXPECT_EQ(plan.error().hint, "leave center out");
    }
}

struct Bad {
    const char* what;
    void (*spoil)(Json&);
    const char* path;
    Code code = Code::schema;
};

const Bad kBad[] = {
    {"no version", [](Json& p) { p.erase("version"); }, "/version"},
    {"later version", [](Json& p) { p["version"] = 2; }, "/version", Code::version},
    {"version as text", [](Json& p) { p["version"] = "1"; }, "/version"},
    {"unknown key", [](Json& p) { p["extra"] = 1; }, "/extra"},
    {"unknown layer", [](Json& p) { p["network"][1] = {{"layer", "lstm"}, {"units", 8}}; },
     "/network/1/layer"},
    {"unknown block", [](Json& p) { p["features"][0] = {{"block", "mfcc"}}; }, "/features/0/block"},
    {"a field of another layer", [](Json& p) { p["network"][1]["filters"] = 8; },
     "/network/1/filters"},
    {"missing field", [](Json& p) { p["network"][0].erase("kernel"); }, "/network/0/kernel"},
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
     "/training/augment/mixup"},
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

TEST(Plan, FaultsSayWhatWasFoundAndWhatIsAllowed) {
    struct Case {
        void (*spoil)(Json&);
        const char* message;
        const char* hint;
    };
    const Case cases[] = {
        {[](Json& p) { p["network"][1]["layer"] = "lstm"; }, "/network/1/layer is \"lstm\"",
         "one of conv1d, image, conv2d"},
        {[](Json& p) { p["training"]["epochs"] = 0; }, "/training/epochs is 0", "1 to 1000"},
        {[](Json& p) { p["training"]["epochs"] = "20"; }, "/training/epochs is \"20\"",
         "type integer, 1 to 1000"},
        {[](Json& p) { p["features"][0].erase("block"); }, "/features/0 has no \"block\"",
         "add \"block\": one of raw, statistics"},
        {[](Json& p) { p["features"][0] = {{"block", "mel"}}; },
         "/features/0 has no \"fft\", \"hop\", \"bands\"", "\"bands\": type integer, 1 to 128"},
        {[](Json& p) { p["network"][0]["activation"] = "relu"; },
         "/network/0 has an unknown key \"activation\"",
         "it may have batch_norm, filters, kernel, layer, relu, stride"},
        {[](Json& p) { p["network"][6].update({{"activation", "relu"}, {"type", "dense"}}); },
         "/network/6 has unknown keys \"activation\", \"type\"",
         "it may have batch_norm, layer, relu, units"},
        {[](Json& p) { p["network"][0]["kernel"] = Json::array({3, 3}); },
         "/network/0/kernel is [3,3]", "type integer, 1 to 31"},
        {[](Json& p) {
             p["network"][0] = {{"layer", "conv2d"}, {"filters", 8}, {"kernel", {3, 32}}};
         },
         "/network/0/kernel/1 is 32", "1 to 31"},
        {[](Json& p) { p["features"] = Json::array(); }, "/features is []", "1 to 8 items"},
        {[](Json& p) { p["optimizer"] = "adam"; }, "it has an unknown key \"optimizer\"",
         "it may have cleaning, code"},
        {[](Json& p) { p["cleaning"] = {{{"do", "drop"}}}; }, "/cleaning/0 is {\"do\":\"drop\"}",
         "at least 2 keys"},
        {[](Json& p) { p["training"]["learning_rate"] = 1.5; }, "/training/learning_rate is 1.5",
         "1e-05 to 0.1"},
        {[](Json& p) { p["reason"] = std::string(1001, 'x'); }, "/reason is \"xxxx",
         "at most 1000 characters"},
    };
    for (const Case& each : cases) {
        Json json = examplePlan();
        each.spoil(json);
        const auto plan = parsePlan(json, kVibration);
        ASSERT_FALSE(plan) << each.message;
        EXPECT_EQ(plan.error().message.find(each.message), 0U) << plan.error().message;
        EXPECT_NE(plan.error().hint.find(each.hint), std::string::npos) << plan.error().hint;
        EXPECT_LT(plan.error().message.size(), 400U);
    }
}

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
    for (const WindowShape window : {WindowShape{16385, 3, 3}, WindowShape{100, 17, 3},
                                     WindowShape{100, 3, 1}, WindowShape{0, 3, 3}}) {
        const auto plan = parsePlan(examplePlan(), window);
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, Code::unsupported);
    }
}

}  // namespace
}  // namespace tinsmith::plan
