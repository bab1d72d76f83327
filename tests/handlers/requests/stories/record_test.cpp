// What is left of a job: its report, its prompts and replies, and a replay of it; and a rollout
// that waits for somebody.
#include <gtest/gtest.h>

#include "handlers/requests/answers.hpp"
#include "handlers/requests/report_text.hpp"
#include "tests/handlers/requests/stories/story.hpp"

namespace tinsmith {
namespace {

using testing::regenerate;
using testing::Story;

// The record of job `id`, which replays `job`.
Json replayed(Story& story, const std::string& job, const std::string& id) {
    const Json request = {{"id", "r-" + id}, {"action", "replay"}, {"job", job}};
    EXPECT_TRUE(story.fake.journal.commit({story.jobs->admitReplay(id, "ann", request, job)}));
    story.jobs->start(id);
    story.settle(id);
    return story.fake.journal.records.at({"job", id});
}

struct Recorded : Story {
    Recorded() {
        fake.settings.machine = "a processor";
        fake.llm.always = true;
        stages.ofPlan = [](const Json& plan) { return plan["network"].size() == 1 ? 0.95 : 0.7; };
        fake.llm.say(
            R"(Plan: {"version":1,"reason":"`one` | layer","features":[{"block":"statistics"}],
            "network":[{"layer":"dense","units":20}],"training":{"epochs":5}})");
        Json request = regenerate();
        request["task"] = "# tell `a` from b";
        job = run("regenerate", request);
        EXPECT_EQ(job["state"], "succeeded") << job.dump();
    }
    Context context() {
        return {fake.world, *jobs, *fleet, [] { return Json(); }};
    }
    Json replay(const std::string& id = "j-2") { return replayed(*this, "j-1", id); }
    Json job;
};

TEST(Report, TellsTheWholeStoryAsJsonAndAsMarkdown) {
    Recorded story;
    const auto json = answer(story.context(), JobReport{"r", "j-1", false});
    ASSERT_TRUE(json) << json.error().message;
    const Json report = (*json)["report"];
    EXPECT_EQ(report["job"], "j-1");
    EXPECT_EQ(report["goal"]["task"], "# tell `a` from b");
    EXPECT_EQ(report["data"]["card"]["classes"], (Json{"a", "b"}));
    EXPECT_GE(report["attempts"].size(), 2U);
    EXPECT_EQ(report["calls"].size(), 1U);
    EXPECT_EQ(report["calls"][0]["template"].get<std::string>().find("plan "), 0U);
    EXPECT_EQ(report["result"]["images"].size(), 2U);
    const auto text = answer(story.context(), JobReport{"r", "j-1", true});
    ASSERT_TRUE(text);
    const std::string markdown = (*text)["markdown"];
    for (const char* part :
         {"regenerate of `m`", "> # tell `a` from b", "## Result", "95.0 %", "## Attempts",
          "| instructions a window | 1000 |", "by `scripted`", "> `one` | layer"}) {
        EXPECT_NE(markdown.find(part), std::string::npos) << part << " in\n" << markdown;
    }
    EXPECT_EQ(markdown.find("\n# tell"), std::string::npos) << "foreign text became a heading";
    EXPECT_EQ(answer(story.context(), JobReport{"r", "j-9", false}).error().code,
              Code::unknown_job);
}

TEST(Report, AttemptsCanBeEditedAndSentBack) {
    Recorded story;
    const auto shown = answer(story.context(), JobShow{"r", "j-1"});
    ASSERT_TRUE(shown) << shown.error().message;
    Json plan = shown->at("attempts").back()["plan"];
    EXPECT_EQ(plan["network"][0]["units"], 20) << plan;
    plan["network"][0]["units"] = 21;
    Json request = regenerate();
    request["plan"] = plan;
    const Json job = story.run("regenerate", request, "j-2");
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["plan"], plan);
}

TEST(Report, ARunningJobHasOneSoFar) {
    Story story;
    story.stages.hangAt = "preflight-check";
    ASSERT_TRUE(
        story.fake.journal.commit({story.jobs->admit("j-1", "regenerate", "ann", regenerate())}));
    story.jobs->start("j-1");
    const Context context{story.fake.world, *story.jobs, *story.fleet, [] { return Json(); }};
    const auto report = answer(context, JobReport{"r", "j-1", false});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ((*report)["report"]["state"], "running");
    EXPECT_FALSE((*report)["report"]["attempts"].empty());
    ASSERT_TRUE(story.jobs->cancel("j-1"));
    story.settle("j-1");
}

TEST(Report, FailedJobsHaveOneToo) {
    Story story;
    story.stages.test = 0.5;
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job["error"]["code"], "target_missed");
    const auto report = story.fake.artefacts.read(job.value("report", ""));
    ASSERT_TRUE(report);
    EXPECT_NE(reportMarkdown(Json::parse(*report)).find("target_missed"), std::string::npos);
}

TEST(Report, PromptsAndRepliesAreThereByDigestAndNothingElseIs) {
    Recorded story;
    const Json report = (*answer(story.context(), JobReport{"r", "j-1", false}))["report"];
    const Json call = report["calls"][0];
    const auto reply = answer(story.context(), JobText{"r", "j-1", call["reply"]});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ((*reply)["text"].get<std::string>().find("Plan: "), 0U);
    const auto prompt = answer(story.context(), JobText{"r", "j-1", call["prompt"]});
    ASSERT_TRUE(prompt);
    EXPECT_NE((*prompt)["text"].get<std::string>().find("tell `a` from b"), std::string::npos);
    const auto weights =
        answer(story.context(), JobText{"r", "j-1", story.job["result"]["tflite"]});
    EXPECT_EQ(weights.error().code, Code::bad_path);
}

// Whether a language model is there may change between a job and its replay.
TEST(Replay, GoesByTheModelsThatThereWere) {
    Recorded gone;
    gone.fake.llm.always = false;
    ASSERT_FALSE(gone.fake.llm.configured());
    const Json with = gone.replay();
    EXPECT_EQ(with["result"]["same"], true) << with.dump(1);
    Story come;
    ASSERT_EQ(come.run("regenerate", regenerate())["state"], "succeeded");
    come.fake.llm.always = true;
    const Json without = replayed(come, "j-1", "j-2");
    EXPECT_EQ(without["result"]["same"], true) << without.dump(1);
}

TEST(Replay, ComesToTheSameAndTouchesNothing) {
    Recorded story;
    const auto before = story.fake.journal.records;
    const std::size_t asked = story.fake.llm.requests.size();
    const int trained = story.stages.runs["tinsmith-train"];
    const Json job = story.replay();
    ASSERT_EQ(job["state"], "succeeded") << job.dump(1);
    EXPECT_EQ(job["verb"], "job");
    EXPECT_EQ(job["result"]["same"], true);
    EXPECT_EQ(job["result"]["replay_of"], "j-1");
    EXPECT_EQ(story.fake.llm.requests.size(), asked) << "the recorded replies are used";
    EXPECT_EQ(story.stages.runs["tinsmith-train"], 2 * trained) << "training is done again";
    EXPECT_EQ(story.fake.signer.signatures, 2) << "nothing is signed";
    for (const char* kind : {"version", "model", "counter", "group"}) {
        for (const auto& [key, value] : story.fake.journal.records) {
            if (key.first == kind) {
                EXPECT_EQ(before.at(key), value) << kind;
            }
        }
    }
    std::set<std::string> names;
    for (const Json& step : job["result"]["steps"]) names.insert(step["step"].get<std::string>());
    for (const char* name : {"train", "fit", "quantize", "build", "preflight"}) {
        EXPECT_TRUE(names.contains(name)) << name << " in " << job["result"].dump();
    }
}

TEST(Replay, SaysWhichStepCameOutDifferently) {
    Recorded story;
    story.stages.payloadPerChannel = 10;  // another compiler, say
    const Json job = story.replay();
    EXPECT_EQ(job["state"], "failed");
    EXPECT_EQ(job["error"]["code"], "bad_data") << job.dump();
    EXPECT_NE(job["error"]["message"].get<std::string>().find("build"), std::string::npos) << job;
    EXPECT_EQ(job["result"]["same"], false);
    const Json steps = job["result"]["steps"];
    const bool named = std::any_of(steps.begin(), steps.end(), [](const Json& step) {
        return step["step"] == "build" && !step["same"].get<bool>() && !step["differs_at"].empty();
    });
    EXPECT_TRUE(named) << steps.dump(1);
}

TEST(Replay, OnAnotherMachineTheRecordedWeightsAreUsed) {
    Recorded story;
    story.fake.settings.machine = "another processor";
    const int trained = story.stages.runs["tinsmith-train"];
    const Json job = story.replay();
    ASSERT_EQ(job["state"], "succeeded") << job.dump(1);
    EXPECT_EQ(job["result"]["same_machine"], false);
    EXPECT_EQ(story.stages.runs["tinsmith-train"], trained);
    EXPECT_GT(story.stages.runs["quantize"], 1);
}

TEST(Replay, OnAnotherMachineWhatWasFineTunedIsTakenOver) {
    Story story;
    story.fake.settings.machine = "a processor";
    ASSERT_EQ(story.run("regenerate", regenerate())["state"], "succeeded");
    const Json recipe = {{"calibration", "mse"}, {"fine_tune_epochs", 2}};
    const Json wanted = {{"id", "r-2"}, {"model", "m"}, {"recipe", recipe}};
    ASSERT_EQ(story.run("requantize", wanted, "j-2")["state"], "succeeded");
    ASSERT_FALSE(story.stages.fineTuned.empty());
    const std::size_t tuned = story.stages.fineTuned.size();
    story.fake.settings.machine = "another processor";
    const Json job = replayed(story, "j-2", "j-3");
    EXPECT_EQ(job["result"]["same"], true) << job.dump(1);
    EXPECT_EQ(story.stages.fineTuned.size(), tuned) << "it was trained again";
}

TEST(Replay, OfWhatFailedFailsAlike) {
    Story story;
    story.stages.preflightError = {{"code", "preflight_failed"}, {"message", "m"}, {"hint", "h"}};
    ASSERT_EQ(story.run("regenerate", regenerate())["state"], "failed");
    const Json job = replayed(story, "j-1", "j-2");
    EXPECT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["same"], true);
    std::set<std::string> names;
    for (const Json& step : job["result"]["steps"]) names.insert(step["step"].get<std::string>());
    EXPECT_TRUE(names.contains("preflight")) << job["result"].dump();
    EXPECT_EQ(story.fake.journal.records.at({"model", "m"}).at("latest"), 1);
}

// The steps are alike as far as they go, but the story ends otherwise.
TEST(Replay, AnotherEndIsADifference) {
    Recorded shorter;
    auto& records = shorter.fake.journal.records;
    std::string last;
    for (const auto& [key, value] : records) {
        if (key.first == "step" && key.second.starts_with("j-1/"))
            last = std::max(last, key.second);
    }
    records.erase({"step", last});
    const Json wantsMore = shorter.replay();
    EXPECT_EQ(wantsMore["state"], "failed") << "the recording lacks " << last;
    EXPECT_EQ(wantsMore["result"]["same"], false) << wantsMore.dump();
    Recorded other;
    Json& original = other.fake.journal.records.at({"job", "j-1"});
    original["state"] = "failed";
    original["error"] = {{"code", "target_missed"}};
    const Json succeeds = other.replay();
    EXPECT_EQ(succeeds["result"]["same"], false) << succeeds.dump();
    EXPECT_EQ(succeeds["result"]["steps"].back()["step"], "end") << succeeds.dump();
}

TEST(Replay, IsRefusedForWhatCannotBe) {
    Recorded story;
    EXPECT_TRUE(admissible(story.context(), JobReplay{"r", "j-1"}));
    EXPECT_EQ(admissible(story.context(), JobReplay{"r", "j-9"}).error().code, Code::unknown_job);
    story.fake.journal.records[{"job", "j-3"}] = {
        {"job", "j-3"}, {"verb", "dataset"}, {"state", "succeeded"}};
    EXPECT_EQ(admissible(story.context(), JobReplay{"r", "j-3"}).error().code, Code::unsupported);
    story.fake.journal.records[{"job", "j-4"}] = {
        {"job", "j-4"}, {"verb", "retrain"}, {"state", "running"}};
    EXPECT_EQ(admissible(story.context(), JobReplay{"r", "j-4"}).error().code, Code::conflict);
    // Steps that retention dropped.
    std::erase_if(story.fake.journal.records,
                  [](const auto& entry) { return entry.first.first == "step"; });
    EXPECT_EQ(story.replay()["error"]["code"], "unknown_job");
}

TEST(Approval, ARolloutWaitsForItAlsoOverARestart) {
    Story story;
    Json request = regenerate();
    request["rollout"] = {{"group", "nobody"}, {"approve", true}};
    ASSERT_TRUE(
        story.fake.journal.commit({story.jobs->admit("j-1", "regenerate", "ann", request)}));
    const auto state = [&] {
        return story.fake.journal.records.at({"job", "j-1"}).value("state", "");
    };
    const auto context = [&] {
        return Context{story.fake.world, *story.jobs, *story.fleet, [] { return Json(); }};
    };
    story.jobs->start("j-1");
    while (story.fake.clock.advanceToNext()) {
    }
    ASSERT_EQ(state(), "running");
    const Json shown = Json::parse(story.fake.broker.retained.at("tinsmith/gw/job/j-1"));
    EXPECT_NE(shown["text"].get<std::string>().find("r-j-1"), std::string::npos) << shown;
    EXPECT_EQ(shown["step"], "approve");
    story.restart();
    ASSERT_TRUE(story.jobs->resume());
    EXPECT_EQ(state(), "running") << "it goes on waiting";
    EXPECT_EQ(answer(context(), RolloutApprove{"r", "r-j-7"}).error().code, Code::unknown_rollout);
    ASSERT_TRUE(answer(context(), RolloutApprove{"r", "r-j-1"}));
    story.settle("j-1");
    const Json job = story.fake.journal.records.at({"job", "j-1"});
    EXPECT_EQ(job["error"]["code"], "no_devices") << "the rollout began: " << job.dump();
    EXPECT_TRUE(answer(context(), RolloutApprove{"r", "r-j-1"})) << "again is no error";
}

TEST(Approval, WhatDoesNotWaitCannotBeApprovedAndCancellingEndsTheWait) {
    Story story;
    ASSERT_EQ(story.run("regenerate", regenerate())["state"], "succeeded");
    const Context context{story.fake.world, *story.jobs, *story.fleet, [] { return Json(); }};
    EXPECT_EQ(answer(context, RolloutApprove{"r", "r-j-1"}).error().code, Code::conflict);
    Json request = regenerate();
    request["rollout"] = {{"group", "nobody"}, {"approve", true}};
    ASSERT_TRUE(
        story.fake.journal.commit({story.jobs->admit("j-2", "regenerate", "ann", request)}));
    story.jobs->start("j-2");
    while (story.fake.clock.advanceToNext()) {
    }
    ASSERT_TRUE(story.jobs->cancel("j-2"));
    story.settle("j-2");
    EXPECT_EQ(story.fake.journal.records.at({"job", "j-2"}).value("state", ""), "cancelled");
}

}  // namespace
}  // namespace tinsmith
