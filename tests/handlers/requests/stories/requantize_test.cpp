// requantize: which recipe it takes, and what it says when none will do.
#include <gtest/gtest.h>

#include "tests/handlers/requests/stories/story.hpp"

namespace tinsmith {
namespace {

using testing::regenerate;
using testing::Story;

// A world with version 1 of the model.
struct Made : Story {
    explicit Made(std::size_t payload = 0) {
        stages.payloadPerChannel = payload;
        EXPECT_EQ(run("regenerate", regenerate())["state"], "succeeded");
        stages.runs.clear();
        stages.fineTuned.clear();
    }
    Json requantize(const Json& more, const std::string& id = "j-2") {
        Json request = {{"id", id}, {"model", "m"}};
        request.update(more);
        return run("requantize", request, id);
    }
};

std::string kindOf(const Json& recipe) {
    return recipe.value("calibration", "") + (recipe.value("bias_correction", false) ? "+" : "") +
           (recipe.value("per_channel", true) ? "" : "/tensor");
}

bool says(const Json& job, const char* where, const std::string& what) {
    return job["error"].value(where, "").find(what) != std::string::npos;
}

TEST(Requantize, TheBestRecipeOnValidationWinsAndTheResultSaysWhatEachGave) {
    Made story;
    story.stages.ofRecipe = [](const Json& recipe) {
        return std::pair(kindOf(recipe) == "mse+" ? 0.98 : 0.97, 0.99);
    };
    const Json job = story.requantize(Json::object());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    const Json origin = job["result"]["origin"];
    EXPECT_EQ(kindOf(origin["recipe"]), "mse+");
    EXPECT_EQ(job["result"]["plan"]["quantization"], origin["recipe"]);
    EXPECT_EQ(origin["requantized_from"], 1);
    ASSERT_EQ(origin["recipes"].size(), 6U) << "three calibrations, with and without correction";
    for (const Json& trial : origin["recipes"]) {
        EXPECT_EQ(trial["accuracy"], kindOf(trial["recipe"]) == "mse+" ? 0.98 : 0.97);
        EXPECT_EQ(trial["float_accuracy"], 0.99);
        EXPECT_EQ(trial["agreement"], 0.99);
        EXPECT_EQ(trial["bytes"], 1000);
    }
    EXPECT_EQ(story.events("recipe").size(), 6U);
    ASSERT_EQ(story.events("recipe chosen").size(), 1U);
    EXPECT_NE(story.events("recipe chosen")[0].find("mse, bias corrected"), std::string::npos);
    EXPECT_TRUE(story.stages.fineTuned.empty()) << "the target of 0.9 holds without";
}

TEST(Requantize, OfEqualAccuracyAgreementDecidesAndThenTheOwnRecipeStays) {
    Made story;
    story.stages.ofRecipe = [](const Json& recipe) {
        return std::pair(0.97, kindOf(recipe) == "percentile" ? 0.995 : 0.99);
    };
    Json job = story.requantize(Json::object());
    EXPECT_EQ(kindOf(job["result"]["origin"]["recipe"]), "percentile") << job.dump();
    story.stages.ofRecipe = [](const Json&) { return std::pair(0.97, 0.99); };
    job = story.requantize({{"version", 2}}, "j-3");
    EXPECT_EQ(kindOf(job["result"]["origin"]["recipe"]), "percentile")
        << "it was version 2's own" << job.dump();
    job = story.requantize({{"version", 1}, {"windows", 64}}, "j-4");
    EXPECT_EQ(kindOf(job["result"]["origin"]["recipe"]), "min_max");
    for (const Json& trial : job["result"]["origin"]["recipes"]) {
        EXPECT_EQ(trial["recipe"]["windows"], 64);
    }
}

TEST(Requantize, ARecipeInTheRequestIsTheOnlyOne) {
    Made story;
    EXPECT_TRUE(story.requantize({{"recipe", {{"calibration", "mse"}}}}, "j-9").contains("report"));
    const Json recipe = {{"calibration", "percentile"},
                         {"percentile", 99.5},
                         {"per_channel", false},
                         {"fine_tune_epochs", 2},
                         {"windows", 128}};
    const Json job = story.requantize({{"recipe", recipe}});
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["origin"]["recipe"], recipe);
    EXPECT_EQ(job["result"]["origin"]["recipes"].size(), 1U);
    ASSERT_FALSE(story.stages.fineTuned.empty());
    const Json input = story.stages.fineTuned[0];
    EXPECT_EQ(input["epochs"], 2);
    EXPECT_EQ(input["fine_tune"]["per_channel"], false);
    EXPECT_TRUE(input["fine_tune"]["ranges"].contains("layers"));
    EXPECT_TRUE(input.contains("start"));

    const Json refused =
        story.requantize({{"recipe", {{"calibration", "mse"}, {"percentile", 99}}}}, "j-3");
    EXPECT_EQ(refused["error"]["code"], "schema");
    EXPECT_EQ(refused["error"]["path"], "/recipe/percentile");
}

TEST(Requantize, ARaisedTargetIsMetByFineTuningWhereCalibrationIsNotEnough) {
    Made story;
    story.stages.test = 0.99;
    story.stages.ofRecipe = [](const Json& recipe) {
        const int epochs = recipe.value("fine_tune_epochs", 0);
        if (epochs > 0) return std::pair(epochs > 5 ? 0.99 : 0.98, 0.98);
        return std::pair(kindOf(recipe) == "mse" ? 0.975 : 0.97, 0.98);
    };
    const Json job = story.requantize({{"target", {{"accuracy", 0.985}}}});
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    const Json recipe = job["result"]["origin"]["recipe"];
    EXPECT_EQ(recipe["fine_tune_epochs"], 20) << "five were tried and were not enough";
    EXPECT_EQ(recipe["calibration"], "mse") << "it goes on from the best calibration";
    EXPECT_EQ(job["result"]["origin"]["recipes"].size(), 8U);
}

TEST(Requantize, ATargetOutOfReachIsMissedWithWhatEachRecipeGave) {
    Made story;
    story.stages.test = 0.95;
    story.stages.floatAccuracy = 0.975;
    story.stages.ofRecipe = [](const Json&) { return std::pair(0.972, 0.99); };
    const Json job = story.requantize({{"target", {{"accuracy", 0.985}}}});
    EXPECT_EQ(job["error"]["code"], "target_missed");
    for (const char* word : {"98.5 %", "min_max 97.2 %", "mse, bias corrected 97.2 %",
                             "20 epochs of fine-tuning", "float 97.5 %"}) {
        EXPECT_TRUE(says(job, "message", word)) << word << " in " << job["error"].dump();
    }
    EXPECT_TRUE(says(job, "hint", "regenerate"));
    EXPECT_EQ(job["result"]["version"], 2) << "the best is kept";
    EXPECT_EQ(job["result"]["origin"]["recipes"].size(), 8U);
    EXPECT_EQ(story.stages.runs["generate"], 0) << "nothing is built for a missed target";
}

TEST(Requantize, AShrunkFlashLimitTakesTheBestRecipeWhoseImageFits) {
    Made story(90000);
    story.stages.payloadPerTensor = 82000;
    story.stages.ofRecipe = [](const Json& recipe) {
        if (recipe.value("per_channel", true)) return std::pair(0.98, 0.99);
        return std::pair(kindOf(recipe) == "mse/tensor" ? 0.97 : 0.96, 0.99);
    };
    const Json job = story.requantize({{"limits", {{"flash_kb", 85}}}});
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(kindOf(job["result"]["origin"]["recipe"]), "mse/tensor");
    const Json recipes = job["result"]["origin"]["recipes"];
    ASSERT_EQ(recipes.size(), 12U);
    for (const Json& trial : recipes) {
        const bool perChannel = trial["recipe"].value("per_channel", true);
        EXPECT_EQ(trial["image_bytes"] > 85000, perChannel) << trial.dump();
    }
    EXPECT_EQ(story.events("image").size(), 2U);
    EXPECT_LE(job["result"]["measured"]["image_bytes"], 85000);
}

TEST(Requantize, AFlashLimitThatNothingFitsSaysWhatTakesTheSpace) {
    Made story(90000);
    story.stages.payloadPerTensor = 88000;
    story.stages.ofRecipe = [](const Json&) { return std::pair(0.98, 0.99); };
    const int signatures = story.fake.signer.signatures;
    const Json job = story.requantize({{"limits", {{"flash_kb", 85}}}});
    EXPECT_EQ(job["error"]["code"], "not_feasible") << job.dump();
    EXPECT_EQ(job["error"]["path"], "/limits/flash_kb");
    for (const char* word : {"min_max, per tensor", "85.0 KB are allowed", "bytes too much",
                             "platform 81.5 KB", "weights and biases with their scales 3.0 KB",
                             "self-test windows 1.5 KB", "percentile 99.9 98.0 %"}) {
        EXPECT_TRUE(says(job, "message", word)) << word << " in " << job["error"].dump();
    }
    EXPECT_TRUE(says(job, "hint", "regenerate"));
    EXPECT_TRUE(says(job, "hint", "allow 90 KB"))
        << "and how much would do: " << job["error"].dump();
    EXPECT_EQ(story.fake.signer.signatures, signatures);
    EXPECT_EQ(story.fake.journal.records.at({"model", "m"}).at("latest"), 1);
}

TEST(Requantize, LimitsThatNoRecipeChangesAreSaidBeforeAnythingRuns) {
    for (const Json& limits : {Json{{"ram_kb", 41.2}}, Json{{"latency_ms", 0.00001}}}) {
        Made story;
        story.fake.journal.records.at({"version", "m/000001"})["measured"]["ram_bytes"] = 48000;
        const Json job = story.requantize({{"limits", limits}});
        EXPECT_EQ(job["error"]["code"], "not_feasible") << limits << job.dump();
        EXPECT_TRUE(says(job, "message", "version 1 was measured to")) << job["error"].dump();
        EXPECT_TRUE(says(job, "hint", "regenerate"));
        EXPECT_EQ(story.stages.runs["quantize"], 0);
    }
}

TEST(Requantize, ResumedAfterEveryCommitItTakesTheSameRecipe) {
    const auto ofRecipe = [](const Json& recipe) {
        const int epochs = recipe.value("fine_tune_epochs", 0);
        return std::pair(epochs > 0 ? 0.99 : 0.97, kindOf(recipe) == "mse" ? 0.99 : 0.98);
    };
    const Json request = {{"target", {{"accuracy", 0.985}}}};
    int commits = 0;
    {
        Made story;
        story.stages.ofRecipe = ofRecipe;
        story.stages.test = 0.99;
        const int before = story.fake.journal.commits;
        ASSERT_EQ(story.requantize(request)["state"], "succeeded");
        commits = story.fake.journal.commits - before;
    }
    for (int kill = 2; kill <= commits; ++kill) {
        SCOPED_TRACE("killed after commit " + std::to_string(kill));
        Made story;
        story.stages.ofRecipe = ofRecipe;
        story.stages.test = 0.99;
        auto& journal = story.fake.journal;
        const int base = journal.commits;
        journal.afterCommit = [&, kill](int n) {
            if (n - base == kill) journal.dead = story.fake.broker.dead = true;
        };
        Json whole = {{"id", "j-2"}, {"model", "m"}};
        whole.update(request);
        ASSERT_TRUE(journal.commit({story.jobs->admit("j-2", "requantize", "ann", whole)}));
        story.jobs->start("j-2");
        while (!journal.dead && story.fake.clock.advanceToNext()) {
        }
        story.jobs.reset();
        story.fleet.reset();
        journal.afterCommit = nullptr;
        journal.dead = story.fake.broker.dead = false;
        story.restart();
        ASSERT_TRUE(story.jobs->resume());
        story.settle("j-2");
        const Json job = journal.records.at({"job", "j-2"});
        ASSERT_EQ(job["state"], "succeeded") << job.dump();
        EXPECT_EQ(job["result"]["origin"]["recipe"]["calibration"], "mse");
        EXPECT_EQ(job["result"]["origin"]["recipe"]["fine_tune_epochs"], 5);
        EXPECT_EQ(job["result"]["origin"]["recipes"].size(), 7U);
        EXPECT_EQ(job["result"]["version"], 2);
    }
}

}  // namespace
}  // namespace tinsmith
