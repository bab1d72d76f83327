#include <gtest/gtest.h>

#include "handlers/requests/versions.hpp"
#include "tests/handlers/requests/stories/story.hpp"

namespace tinsmith {
namespace {

using testing::killedAroundEveryCommit;
using testing::regenerate;
using testing::Story;

// So many windows that the first trial may take a few epochs only, as far as was foreseen.
TEST(Regenerate, TheFinalFitTakesTheEpochsThatATrialHadNoTimeFor) {
    Story story;
    story.fake.journal.records[{"dataset", "toy"}]["card"]["windows"]["train"]["total"] = 1'000'000;
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    const int planned = job["result"]["plan"]["training"]["epochs"];
    const auto& trained = story.stages.trained;
    EXPECT_LT(trained.front().value("epochs_scale", 1.0), 1) << trained.front()["plan"].dump();
    EXPECT_EQ(trained.back()["parts"].size(), 2u);
    EXPECT_EQ(trained.back()["epochs"], planned);
}

TEST(Regenerate, EndsWithASignedVersionAndStopsWhenTheTargetHolds) {
    Story story;
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job.value("state", ""), "succeeded") << job.dump(1);
    const Json& result = job["result"];
    EXPECT_EQ(result["version"], 1);
    EXPECT_EQ(result["images"].size(), 2U);
    EXPECT_EQ(result["accuracy"]["test"], 0.95);
    EXPECT_EQ(story.fake.signer.signatures, 2);
    EXPECT_LE(story.stages.runs["tinsmith-train"], 8) << "it went on although the target held";
    const Json version = story.fake.journal.records.at({"version", "m/000001"});
    EXPECT_EQ(version["counter"], 2) << "factory firmware has 1";
    EXPECT_EQ(story.fake.journal.records.at({"model", "m"}).at("current"), 1);
    EXPECT_TRUE(story.fake.broker.retained.contains("tinsmith/gw/model/m"));
}

// 50 Hz and a stride of 32 samples: a window every 640 ms.
TEST(Regenerate, WarnsWhereADeviceLosesSamples) {
    for (const auto& [instructions, warnings] :
         {std::pair(8'000'000, 0U), std::pair(9'500'000, 1U)}) {
        Story story;
        story.stages.instructionsOf = [&](const Json&) { return instructions; };
        ASSERT_EQ(story.run("regenerate", regenerate())["state"], "succeeded");
        const auto told = story.events("warning");
        ASSERT_EQ(told.size(), warnings) << instructions;
        for (const std::string& text : told)
            EXPECT_NE(text.find("every 640.00 ms"), std::string::npos) << text;
    }
}

TEST(Regenerate, AMissedTargetKeepsTheBestAndBuildsNothing) {
    Story story;
    story.stages.test = 0.7;
    const Json job = story.run("regenerate", regenerate());
    EXPECT_EQ(job["state"], "failed");
    EXPECT_EQ(job["error"]["code"], "target_missed");
    EXPECT_EQ(job["result"]["accuracy"]["test"], 0.7);
    EXPECT_EQ(story.stages.runs["generate"], 0);
    EXPECT_EQ(story.fake.journal.records.at({"version", "m/000001"}).at("released"), false);
    EXPECT_TRUE(story.fake.journal.records.at({"model", "m"}).at("current").is_null());
}

TEST(Regenerate, WhatCannotFitIsSaidBeforeAnyTraining) {
    for (const Json& limits :
         {Json{{"flash_kb", 50}}, Json{{"ram_kb", 20}}, Json{{"latency_ms", 0.0001}}}) {
        Story story;
        Json request = regenerate();
        request["limits"] = limits;
        const Json job = story.run("regenerate", request);
        EXPECT_EQ(job["error"]["code"], "not_feasible") << limits << job.dump();
        EXPECT_NE(job["error"]["hint"], "");
        EXPECT_EQ(story.stages.runs["tinsmith-train"], 0);
    }
}

TEST(Regenerate, ADryRunStopsAfterFeasibility) {
    Story story;
    Json request = regenerate();
    request["dry_run"] = true;
    const Json job = story.run("regenerate", request);
    EXPECT_EQ(job["state"], "succeeded");
    EXPECT_TRUE(job["result"]["fit"]["fits"].get<bool>()) << job.dump();
    EXPECT_EQ(story.stages.runs["tinsmith-train"], 0);
}

TEST(Regenerate, FailuresOnTheWayAreTheJobsErrorsAndSignNothing) {
    {
        Story story;
        story.stages.compilerFails = true;
        const Json job = story.run("regenerate", regenerate());
        EXPECT_EQ(job["error"]["code"], "build_failed");
        EXPECT_NE(job["error"]["message"].get<std::string>().find("nothing here"),
                  std::string::npos);
        EXPECT_EQ(story.fake.signer.signatures, 0);
    }
    {
        Story story;
        story.stages.preflightError = {{"code", "preflight_failed"},
                                       {"message", "slot b, window 3, class 1: 5, expected 6"},
                                       {"hint", "h"}};
        const Json job = story.run("regenerate", regenerate());
        EXPECT_EQ(job["error"]["code"], "preflight_failed");
        EXPECT_EQ(job["error"]["message"],
                  "slot b, window 3, class 1: 5, expected 6; before that the board refused 2 "
                  "plans, see the job's report");
        EXPECT_EQ(story.fake.signer.signatures, 0);
    }
    {
        Story story;
        story.fake.signer.failWith = Error{Code::signing_failed, "no key", "make one", ""};
        const Json job = story.run("regenerate", regenerate());
        EXPECT_EQ(job["error"]["code"], "signing_failed");
    }
}

TEST(Regenerate, KilledAroundEveryCommitThereIsOneJobOneVersionAndNoLostCounter) {
    const int kills = killedAroundEveryCommit(
        regenerate(), [](Story&) {},
        [](Story& story) {
            auto& journal = story.fake.journal;
            const Json job = journal.records.at({"job", "j-1"});
            EXPECT_EQ(job["state"], "succeeded") << job.dump();
            const int version = job["result"].value("version", 0);
            EXPECT_LE(version, 2);
            int released = 0;
            for (const auto& [key, value] : journal.records) {
                if (key.first == "version") released += value.value("released", false) ? 1 : 0;
            }
            EXPECT_EQ(released, 1);
            const Json record = journal.records.at({"version", versionKey("m", version)});
            EXPECT_EQ(record["counter"], journal.records.at({"counter", "mps2-an386"}).at("value"));
        });
    std::printf("killed before and after each of %d commits of a whole job\n", kills);
}

TEST(Retrain, RequantizeAndRetrainMakeVersionsOfTheirOwn) {
    Story story;
    ASSERT_EQ(story.run("regenerate", regenerate())["state"], "succeeded");
    const Json retrained = story.run("retrain", {{"id", "r-2"}, {"model", "m"}}, "j-2");
    ASSERT_EQ(retrained["state"], "succeeded") << retrained.dump();
    EXPECT_EQ(retrained["result"]["version"], 2);
    EXPECT_EQ(retrained["result"]["origin"]["weights"], "continued");
    const Json requantized =
        story.run("requantize", {{"id", "r-3"}, {"model", "m"}, {"windows", 64}}, "j-3");
    ASSERT_EQ(requantized["state"], "succeeded") << requantized.dump();
    EXPECT_EQ(requantized["result"]["version"], 3);
    EXPECT_EQ(requantized["result"]["plan"]["quantization"]["windows"], 64);
    EXPECT_EQ(story.fake.journal.records.at({"counter", "mps2-an386"}).at("value"), 4);
}

TEST(Retrain, FreshWeightsWhereAskedAndWhereTheClassesChanged) {
    Story story;
    ASSERT_EQ(story.run("regenerate", regenerate())["state"], "succeeded");
    const auto weights = [&](const Json& more, const std::string& id) {
        Json request = {{"id", id}, {"model", "m"}};
        request.update(more);
        const Json job = story.run("retrain", request, id);
        EXPECT_EQ(job["state"], "succeeded") << job.dump();
        return job["result"]["origin"].value("weights", "");
    };
    EXPECT_EQ(weights({{"version", 1}}, "j-2"), "continued");
    EXPECT_EQ(weights({{"version", 1}, {"fresh", true}}, "j-3"), "fresh");
    EXPECT_TRUE(story.events("retrain").empty());
    story.fake.journal.records.at({"dataset", "toy"})["card"]["classes"] = {"a", "c"};
    EXPECT_EQ(weights({{"version", 1}}, "j-4"), "fresh");
    EXPECT_FALSE(story.events("retrain").empty()) << "the log does not say why";
}

Json importModel() {
    return {{"id", "r-1"}, {"action", "import"}, {"model", "m"}, {"path", "a/foreign.tflite"}};
}

TEST(ModelImport, MakesAReleasedVersionWithoutAnAccuracy) {
    Story story;
    const Json job = story.run("model", importModel());
    ASSERT_EQ(job["state"], "succeeded") << job.dump(1);
    const Json& result = job["result"];
    EXPECT_EQ(result["version"], 1);
    EXPECT_EQ(result["images"].size(), 2U);
    EXPECT_EQ(result["origin"]["kind"], "imported");
    EXPECT_EQ(result["origin"]["file"], "a/foreign.tflite");
    EXPECT_EQ(result["origin"]["operators"].size(), 1U);
    EXPECT_FALSE(result.contains("accuracy")) << "none is known";
    EXPECT_FALSE(result.contains("plan"));
    EXPECT_TRUE(result["measured"].contains("synthetic")) << result["measured"].dump();
    EXPECT_FALSE(result["measured"].contains("test"));
    const Json version = story.fake.journal.records.at({"version", "m/000001"});
    EXPECT_EQ(version["classes"], (Json{"yes", "no"}));
    EXPECT_EQ(version["released"], true);
    EXPECT_EQ(version["metrics"], Json::object());
    EXPECT_EQ(story.fake.journal.records.at({"model", "m"}).at("current"), 1);
    EXPECT_EQ(story.stages.lastGenerate["labels"], (Json{"yes", "no"}));
    EXPECT_FALSE(story.stages.lastGenerate.contains("plan"));
    EXPECT_EQ(story.fake.signer.signatures, 2);
    EXPECT_EQ(story.stages.runs["tinsmith-train"], 0);
}

TEST(ModelImport, CanBeBuiltAgainButNotLearntFrom) {
    Story story;
    ASSERT_EQ(story.run("model", importModel())["state"], "succeeded");
    for (const char* verb : {"retrain", "requantize"}) {
        const Json job = story.run(verb, {{"id", "r-2"}, {"model", "m"}}, std::string("j-") + verb);
        EXPECT_EQ(job["error"]["code"], "unsupported") << job.dump();
        EXPECT_NE(job["error"]["hint"], "");
        EXPECT_EQ(job["error"]["path"], "/version");
    }
    // Another release takes a newer counter: the imported version must be built again to go out.
    ASSERT_EQ(story.run("regenerate", regenerate(), "j-2")["state"], "succeeded");
    const int built = story.stages.runs["generate"];
    const Json rollout = {
        {"id", "r-3"}, {"action", "start"}, {"model", "m"}, {"version", 1}, {"group", "nobody"}};
    const Json job = story.run("rollout", rollout, "j-3");
    EXPECT_EQ(job["error"]["code"], "no_devices") << job.dump();
    EXPECT_EQ(story.stages.runs["generate"], built + 1);
    EXPECT_EQ(story.stages.lastGenerate["labels"], (Json{"yes", "no"}));
    EXPECT_EQ(story.fake.journal.records.at({"version", "m/000001"}).at("counter"), 4);
}

TEST(ModelImport, WhatCannotFitIsSaidWithFiguresBeforeAnythingIsBuilt) {
    Story story;
    story.stages.importedBytes = 2'000'000;
    const Json job = story.run("model", importModel());
    EXPECT_EQ(job["error"]["code"], "not_feasible") << job.dump();
    EXPECT_NE(job["error"]["message"].get<std::string>().find("2000.0 KB"), std::string::npos);
    EXPECT_EQ(story.stages.runs["generate"], 0);
    EXPECT_FALSE(story.fake.journal.records.contains({"model", "m"}));
    Json request = importModel();
    request["limits"] = {{"ram_kb", 41.3}};
    story.stages.importedBytes = 1000;
    const Json small = story.run("model", request, "j-2");
    EXPECT_EQ(small["error"]["code"], "not_feasible") << small.dump();
    EXPECT_EQ(small["error"]["path"], "/limits/ram_kb");
}

TEST(ModelImport, ARefusedFileLeavesNothing) {
    Story story;
    story.stages.importError = {{"code", "unsupported"},
                                {"message", "operator 3 TRANSPOSE is not supported"},
                                {"hint", "h"}};
    const Json job = story.run("model", importModel());
    EXPECT_EQ(job["error"]["code"], "unsupported");
    EXPECT_EQ(job["error"]["message"], "operator 3 TRANSPOSE is not supported");
    EXPECT_FALSE(story.fake.journal.records.contains({"model", "m"}));
    EXPECT_FALSE(story.fake.journal.records.contains({"version", "m/000001"}));
}

TEST(Rollout, AVersionThatIsNotBetterIsKeptAndNotRolledOut) {
    Story story;
    ASSERT_EQ(story.run("regenerate", regenerate())["state"], "succeeded");
    story.stages.test = 0.93;
    Json request = regenerate();
    request["rollout"] = {{"group", "bench"}};
    const Json job = story.run("regenerate", request, "j-2");
    EXPECT_EQ(job["error"]["code"], "not_better") << job.dump();
    EXPECT_EQ(job["result"]["version"], 2);
    EXPECT_EQ(story.fake.journal.records.at({"model", "m"}).at("current"), 1);
}

TEST(Rollout, AGroupWithoutDevicesIsSaidSo) {
    Story story;
    Json request = regenerate();
    request["rollout"] = {{"group", "nobody"}};
    const Json job = story.run("regenerate", request);
    EXPECT_EQ(job["error"]["code"], "no_devices") << job.dump();
    EXPECT_EQ(job["result"]["version"], 1);
}

}  // namespace
}  // namespace tinsmith
