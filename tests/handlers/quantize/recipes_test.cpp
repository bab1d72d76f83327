// All recipes on a real recording, end to end through the stages as the daemon's children run them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "handlers/plan/plan.hpp"
#include "tests/fakes/fake_world.hpp"
#include "tests/handlers/quantize/stages.hpp"

namespace tinsmith {
namespace {

std::filesystem::path sharedData() {
    const char* shared = std::getenv("TINSMITH_SHARED");
    return (shared != nullptr ? std::filesystem::path(shared)
                              : std::filesystem::path(TINSMITH_SOURCE_DIR) / ".." / "shared") /
           "data";
}

TEST(Recipes, AllOnVibration) {
    if (!std::filesystem::exists(sharedData() / "vibration")) {
        GTEST_SKIP() << "Recipes.AllOnVibration: no ../shared/data/vibration";
    }
    const testing::TemporaryFolder folder;
    const test::Stages bench(folder.path(), TINSMITH_TRAINER);
    const Json imported = bench.import(sharedData(), {{"action", "import"},
                                                      {"dataset", "vibration"},
                                                      {"path", "vibration"},
                                                      {"rate_hz", 50},
                                                      {"window", {{"length", 100}}}});
    const Json dataset = imported["dataset"];
    Json plan = Json::parse(R"({"version":1,"features":[{"block":"raw","magnitude":true}],
        "network":[{"layer":"conv1d","filters":16,"kernel":5,"batch_norm":true},
                   {"layer":"max_pool","size":2},
                   {"layer":"conv1d","filters":16,"kernel":5,"batch_norm":true},
                   {"layer":"average_pool","size":2},
                   {"layer":"conv1d","filters":24,"kernel":3,"batch_norm":true},
                   {"layer":"global_average_pool"}],
        "training":{"epochs":30,"augment":{"shift":25}}})");
    bench.train({{"dataset", dataset}, {"plan", plan}, {"seed", 1}});
    std::filesystem::rename(bench.folder() / "network", bench.folder() / "float");

    const auto quantised = [&](const plan::Quantization& recipe, const Json& more) {
        plan["quantization"] = plan::toJson(recipe);
        Json input = {{"dataset", dataset},
                      {"plan", plan},
                      {"network", "float"},
                      {"reference", "float"},
                      {"evaluate", Json::array({"validation"})}};
        input.update(more);
        Json made = bench.quantize(input);
        const Json& report = made["parts"]["validation"];
        std::printf("%-46s int8 %.4f (float %.4f), agreement %.4f, %d bytes\n",
                    plan::describe(recipe).c_str(), report["accuracy"].get<double>(),
                    report["float_accuracy"].get<double>(), report["agreement"].get<double>(),
                    made["bytes"].get<int>());
        return made;
    };
    const auto agreement = [](const Json& made) {
        return made["parts"]["validation"]["agreement"].get<double>();
    };
    int perChannelBytes = 0;
    for (const bool perChannel : {true, false}) {
        for (const auto calibration :
             {plan::CalibrationKind::min_max, plan::CalibrationKind::percentile,
              plan::CalibrationKind::mse}) {
            for (const bool corrected : {false, true}) {
                plan::Quantization recipe;
                recipe.calibration = calibration;
                recipe.perChannel = perChannel;
                recipe.biasCorrection = corrected;
                const Json made = quantised(recipe, Json::object());
                EXPECT_GE(agreement(made), 0.9) << plan::describe(recipe);
                if (perChannel) perChannelBytes = made["bytes"];
                if (!perChannel) {
                    EXPECT_LT(made["bytes"], perChannelBytes);
                }
            }
        }
    }

    // Fine-tuning wins back what the coarsest of them lost.
    plan::Quantization recipe;
    recipe.perChannel = false;
    const Json before = quantised(recipe, Json::object());
    recipe.fineTuneEpochs = 5;
    const Json start = quantised(recipe, Json::object());
    EXPECT_EQ(start["sha256"], before["sha256"]) << "fine-tuning starts from the same recipe";
    const Json tuned =
        bench.train({{"dataset", dataset},
                     {"plan", plan},
                     {"seed", 1},
                     {"epochs", recipe.fineTuneEpochs},
                     {"start", "start"},
                     {"fine_tune", {{"ranges", start["ranges"]}, {"per_channel", false}}}});
    const Json after = quantised(recipe, {{"network", "network"}, {"ranges", start["ranges"]}});
    EXPECT_EQ(after["ranges"], start["ranges"]);
    EXPECT_EQ(after["parts"]["validation"]["correct"], tuned["validation"]["correct"])
        << "what the trainer measured is what the kernels compute";
    EXPECT_GT(after["parts"]["validation"]["accuracy"].get<double>(),
              before["parts"]["validation"]["accuracy"].get<double>());
    EXPECT_GT(agreement(after), 0.9);
}

}  // namespace
}  // namespace tinsmith
