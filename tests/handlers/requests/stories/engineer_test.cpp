// A language model works on a plan: what it is shown, what it may answer, and when it is left
// alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "handlers/plan/plan.hpp"
#include "handlers/requests/report_text.hpp"
#include "tests/handlers/requests/stories/story.hpp"

namespace tinsmith {
namespace {

using testing::regenerate;
using testing::Story;

// A plan that the built-in search never writes, worth `accuracy` to worthByUnits().
Json planWith(int units) {
    return Json::parse(
        R"({"version":1,"reason":"Because I say so.","features":[{"block":"statistics"}],
        "network":[{"layer":"dense","units":)" +
        std::to_string(units) + R"(}],"training":{"epochs":5}})");
}

// The search's plans are worth 0.7, the model's half a percent a unit.
double worthByUnits(const Json& plan) {
    const Json& network = plan["network"];
    if (network.size() != 1 || network[0].value("layer", "") != "dense") return 0.7;
    return 0.5 + 0.005 * network[0].value("units", 0);
}

struct Engineer : Story {
    Engineer() {
        stages.ofPlan = worthByUnits;
        fake.llm.always = true;
    }
    void say(const Json& answer) { fake.llm.say(answer.dump()); }
    // The whole prompt of the n-th call.
    std::string prompt(std::size_t n) const {
        std::string text;
        for (const ChatMessage& message : fake.llm.requests.at(n).messages)
            text += message.content + "\n";
        return text;
    }
    Json report(const Json& job) {
        const auto text = fake.artefacts.read(job.value("report", ""));
        EXPECT_TRUE(text) << "no report of " << job.dump();
        return text ? Json::parse(*text) : Json();
    }
};

TEST(Engineer, TheSearchBeginsAndAMetTargetAsksNobody) {
    Engineer story;
    story.stages.ofPlan = nullptr;
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["origin"]["planner"], "search");
    EXPECT_TRUE(story.fake.llm.requests.empty()) << "the search had met the target already";
}

TEST(Engineer, IsAskedWhenTheSearchHasHadAFifthOfTheBudget) {
    constexpr std::int64_t kTrialMs = 2000;
    Engineer story;
    story.say(planWith(90));
    story.stages.ofPlan = [&](const Json& plan) {
        story.fake.clock.advance(kTrialMs);
        return worthByUnits(plan);
    };
    std::int64_t asked = 0;
    const std::int64_t begin = story.fake.clock.steadyMs();
    story.fake.llm.onRequest = [&](std::size_t n) {
        if (n == 0) asked = story.fake.clock.steadyMs() - begin;
    };
    Json request = regenerate();
    request["budget"]["minutes"] = 1;
    ASSERT_EQ(story.run("regenerate", request)["state"], "succeeded");
    EXPECT_GT(asked, kTrialMs) << "one plan only came before the model's";
    EXPECT_LE(asked, 60'000 / 5 + kTrialMs) << "the last of the search's trials began in time";
}

TEST(Engineer, ItsPlanIsTakenAndItSawTheSearchsFirst) {
    Engineer story;
    story.say(planWith(90));
    story.fake.llm.onRequest = [&](std::size_t) {
        EXPECT_EQ(story.jobs->heavyJob(), "") << "others may compute while it thinks";
    };
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["origin"]["planner"], "scripted");
    EXPECT_EQ(job["result"]["plan"]["network"][0]["units"], 90);
    EXPECT_EQ(job["result"]["origin"]["llm_calls"], 1);
    const std::string first = story.prompt(0);
    EXPECT_NE(first.find("1. search: accuracy 0.7000"), std::string::npos) << first;
    EXPECT_EQ(first.find("secret of the test part"), std::string::npos);
    EXPECT_NE(first.find("tell a from b"), std::string::npos);
    EXPECT_FALSE(story.fake.llm.requests[0].compact.empty());
}

// The budget has time for a few of the epochs only, whoever's plan it is.
struct Tight : Engineer {
    Tight() {
        fake.journal.records[{"dataset", "toy"}]["card"]["windows"]["train"]["total"] = 1'000'000;
        stages.ofPlan = [this](const Json& tried) {
            fake.clock.advance(4000);
            return worthByUnits(tried);
        };
    }
    void sayPlan(int units) {
        Json plan = planWith(units);  // the search's plans are worth 40
        plan["training"]["epochs"] = 1000;
        say(plan);
    }
    Json work() {
        Json request = regenerate();
        request.erase("target");
        request["budget"]["minutes"] = 1;
        const Json job = run("regenerate", request);
        EXPECT_EQ(job["state"], "succeeded") << job.dump();
        return job;
    }
};

TEST(Engineer, WithoutTimeAPlanThatIsNotAheadIsTheLast) {
    Tight story;
    story.sayPlan(20);
    story.sayPlan(21);
    story.work();
    EXPECT_EQ(story.fake.llm.requests.size(), 1U);
}

TEST(Engineer, WithoutTimeToTrainAPlanInFullAllGetAsLong) {
    Tight story;
    story.sayPlan(60);
    const Json job = story.work();
    EXPECT_EQ(job["result"]["plan"]["network"][0].value("units", 0), 60) << job["result"]["plan"];
    int trials = 0;
    for (const Json& input : story.stages.trained) {
        if (input["parts"].size() > 1 || input["plan"]["training"]["epochs"] != 1000) continue;
        EXPECT_LT(input["epochs_scale"], 0.1) << input["plan"].dump();
        ++trials;
    }
    EXPECT_EQ(trials, 1) << "no quick look before a trial that is no more than that";
    EXPECT_GT(story.stages.trained.back()["epochs"], 100) << "nothing was left for the final fit";
}

// A model that is always a little ahead would go on until nothing is left to compare its plans
// with.
TEST(Engineer, ItsShareOfTheBudgetEnds) {
    Engineer story;
    int units = 41;  // the search's plans are worth 40
    story.fake.llm.onRequest = [&](std::size_t) { story.say(planWith(units++)); };
    story.stages.ofPlan = [&](const Json& plan) {
        story.fake.clock.advance(2000);
        return worthByUnits(plan);
    };
    Json request = regenerate();
    request.erase("target");
    request["budget"] = {{"minutes", 1}, {"llm_calls", 100}};
    ASSERT_EQ(story.run("regenerate", request)["state"], "succeeded");
    int theirs = 0;
    bool back = false;
    for (const Json& input : story.stages.trained) {
        const bool wide = input["plan"]["network"][0].value("units", 0) > 40;
        if (input["parts"].size() > 1) break;
        theirs += wide ? 1 : 0;
        back = back || (theirs > 0 && !wide);
    }
    EXPECT_GE(theirs, 5);
    EXPECT_TRUE(back) << "the search had no turn after " << theirs << " plans of the model";
}

// It takes long to answer, and does not answer with a plan.
TEST(Engineer, ItsAnswersAreNotWaitedForBeyondItsShare) {
    Engineer story;
    const std::int64_t begin = story.fake.clock.steadyMs();
    story.fake.llm.onRequest = [&](std::size_t n) {
        const std::int64_t now = story.fake.clock.steadyMs() - begin;
        EXPECT_LT(now, 36'000) << "asked for the " << n + 1 << "th time";
        EXPECT_EQ(story.fake.llm.requests[n].untilMs - begin, 48'000) << "four fifths";
        story.fake.clock.advance(15'000);
        if (n % 2 == 0)
            story.say({{"look", "groups"}});
        else
            story.fake.llm.say("train harder");
    };
    Json request = regenerate();
    request.erase("target");
    request["budget"] = {{"minutes", 1}, {"llm_calls", 100}};
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(story.fake.llm.requests.size(), 3U);
}

TEST(Engineer, EditsLooksAndFactsMakeAConversation) {
    Engineer story;
    story.say({{"look", "groups"}, {"reason", "are they alike?"}});
    story.say(planWith(20));
    // Which number its first plan has is only known once the search has begun.
    story.fake.llm.onRequest = [&](std::size_t n) {
        if (n != 2) return;
        const std::string text = story.prompt(2);
        const std::size_t at = text.find(". scripted: ");
        ASSERT_NE(at, std::string::npos) << text;
        const int number = std::stoi(text.substr(text.rfind('\n', at) + 1));
        story.say({{"edit", {{"/network/0/units", 96}}}, {"of", number}, {"reason", "wider"}});
    };
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["plan"]["network"][0]["units"], 96);
    EXPECT_EQ(job["result"]["plan"]["reason"], "wider");
    EXPECT_EQ(story.stages.runs["look"], 1);
    EXPECT_NE(story.prompt(1).find("seen: {\"look\":\"groups\"}"), std::string::npos);
    EXPECT_NE(story.prompt(2).find("0.6000"), std::string::npos) << "what was measured is shown";
    const Json report = story.report(job);
    EXPECT_EQ(report["calls"].size(), 3U);
    EXPECT_EQ(report["calls"][0]["verdict"], "look");
    EXPECT_TRUE(report["calls"][2]["verdict"].get<std::string>().starts_with("edit of "));
    EXPECT_EQ(report["looks"].size(), 1U);
    EXPECT_EQ(report["attempts"].back()["reason"], "wider");
    EXPECT_EQ(report["attempts"].back()["plan"]["network"][0]["units"], 96);
    EXPECT_EQ(report["state"], "succeeded");
    // Prompt and reply are there by digest.
    const auto reply = story.fake.artefacts.read(report["calls"][2]["reply"].get<std::string>());
    ASSERT_TRUE(reply);
    EXPECT_NE(reply->find("/network/0/units"), std::string::npos);
}

TEST(Engineer, ARepairIsAskedForOnceWithTheFault) {
    Engineer story;
    Json bad = planWith(90);
    bad["network"][0] = {{"layer", "transformer"}};
    story.fake.llm.say("```json\n" + bad.dump() + "\n```");
    story.say(planWith(90));
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["origin"]["planner"], "scripted");
    ASSERT_EQ(story.fake.llm.requests.size(), 2U);
    const std::string repair = story.fake.llm.requests[1].messages.back().content;
    EXPECT_NE(repair.find("/network"), std::string::npos) << repair;
    const auto& compact = story.fake.llm.requests[1].compact;
    ASSERT_EQ(compact.size(), 4U);
    EXPECT_LE(compact[2].content.size() + compact[3].content.size(), 1000U);
    EXPECT_NE(compact[3].content.find("Send the whole answer again"), std::string::npos);
    EXPECT_EQ(story.events("reply").size(), 1U);
}

TEST(Engineer, APlanThatDoesNotFitIsShownWithWhatItsLayersTake) {
    Engineer story;
    Json request = regenerate();
    request["limits"] = {{"latency_ms", 100}};
    Json slow = planWith(8);
    const Json wide = {{"layer", "conv1d"}, {"filters", 128}, {"kernel", 31}};
    slow["features"] = Json::array({{{"block", "raw"}}});
    slow["network"] = Json::array({wide, wide, {{"layer", "global_average_pool"}}});
    story.say(slow);
    story.say(planWith(90));
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(story.fake.llm.requests.size(), 2U) << job.dump();
    ASSERT_EQ(story.events("infeasible").size(), 1U);
    const std::string second = story.prompt(1);
    const std::size_t at = second.find("not trained: ");
    ASSERT_NE(at, std::string::npos) << second;
    EXPECT_NE(second.find("conv1d (computing layer 2)", at), std::string::npos) << second;
}

// An installation whose prompt folder holds this plan.md alone.
void putPrompt(Engineer& story, const char* text) {
    story.fake.settings.shareDir = story.fake.folder.path() / "share";
    const auto folder = story.fake.settings.shareDir / "prompts";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "plan.md") << text;
}

TEST(Engineer, ABrokenPromptOfTheInstallationIsPassedOver) {
    for (const char* broken :
         {"prompt mine, version 1\nx {{weather}}\n=== user ===\n{{task}}{{card}}"
          "{{schema}}{{attempts}}{{wishes}}{{looks}}",
          "no prompt at all"}) {
        Engineer story;
        putPrompt(story, broken);
        story.say({{"look", "groups"}});
        story.say(planWith(90));
        const Json job = story.run("regenerate", regenerate());
        ASSERT_EQ(job["state"], "succeeded") << job.dump();
        EXPECT_EQ(job["result"]["origin"]["planner"], "scripted");
        ASSERT_EQ(story.fake.llm.requests.size(), 2U);
        EXPECT_NE(story.prompt(1).find("You are the engineer"), std::string::npos);
        const auto said = story.events("prompt");
        ASSERT_EQ(said.size(), 1U) << "once, however often the model is asked";
        EXPECT_EQ(said[0].find("prompts/plan.md is not used: "), 0U) << said[0];
        EXPECT_EQ(said[0].find("weather") != std::string::npos, broken[0] == 'p') << said[0];
        EXPECT_TRUE(story.report(job)["unused_prompts"].contains("plan.md"));
    }
    Engineer story;
    putPrompt(story,
              "prompt mine, version 3\nMine.\n=== user ===\n"
              "{{task}}{{card}}{{schema}}{{attempts}}{{wishes}}{{looks}}");
    story.say(planWith(90));
    story.run("regenerate", regenerate());
    ASSERT_FALSE(story.fake.llm.requests.empty());
    EXPECT_EQ(story.fake.llm.requests[0].messages[0].content, "Mine.");
    EXPECT_TRUE(story.events("prompt").empty());
}

TEST(Engineer, BadEngineersAreLeftAloneAndTheSearchEndsTheWork) {
    struct Case {
        const char* name;
        std::function<Result<LlmReply>(int n)> say;
        std::size_t most;  // calls that it may cost
    };
    const auto text = [](std::string said) {
        return LlmReply{std::move(said), "scripted", "scripted", "stop", 100, 50};
    };
    const Case cases[] = {
        {"down", [](int) { return fail(Code::llm_unavailable, "connection refused"); }, 1},
        {"breaks the format", [&](int) { return text("I would rather talk about the weather. {"); },
         6},
        {"invents interfaces",
         [&](int n) {
             Json plan = planWith(4);
             plan["network"][0]["layer"] = "attention_" + std::to_string(n);
             return text(plan.dump());
         },
         6},
        {"runs away",
         [&](int) {
             LlmReply reply = text("{\"network\":[" + std::string(60'000, '['));
             reply.finish = "cut";
             return reply;
         },
         6},
        {"lazy", [&](int) { return text(planWith(1).dump()); }, 4},
        {"stubborn",
         [&](int) {
             Json plan = planWith(4);
             plan["network"][0]["units"] = 5000;
             return text(plan.dump());
         },
         6},
        {"gets nowhere", [&](int n) { return text(planWith(2 + n).dump()); }, 3},
        {"only looks", [&](int) { return text(R"({"look":"groups"})"); }, 12},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.name);
        Engineer story;
        int calls = 0;
        story.fake.llm.onRequest = [&](std::size_t) {
            story.fake.llm.replies.push_back(c.say(calls++));
        };
        Json request = regenerate(0.69);
        request["budget"] = {{"minutes", 1}, {"llm_calls", 30}, {"llm_tokens", 1'000'000}};
        story.stages.test = 0.7;
        const Json job = story.run("regenerate", request);
        ASSERT_EQ(job["state"], "succeeded") << job.dump();
        EXPECT_EQ(job["result"]["origin"]["planner"], "search");
        EXPECT_FALSE(story.events("planner").empty()) << "the log does not say why";
        EXPECT_LE(story.fake.llm.requests.size(), c.most);
        EXPECT_FALSE(story.report(job)["attempts"].empty());
    }
}

TEST(Engineer, WhatFailedCallsHaveCostIsInTheRecord) {
    Engineer asked;
    asked.stages.test = 0.7;
    asked.fake.llm.wasted = {2, 700, 40};
    const Json record = asked.run("regenerate", regenerate(0.69));
    ASSERT_EQ(asked.fake.llm.requests.size(), 1U) << record.dump();
    const Json call = asked.report(record)["calls"].at(0);
    EXPECT_EQ(call["error"]["code"], "llm_unavailable") << call;
    EXPECT_EQ(call["prompt_tokens"], 700) << call;
    EXPECT_EQ(call["completion_tokens"], 40) << call;
    EXPECT_EQ(record["result"]["origin"]["llm_calls"], 2) << record.dump();
    EXPECT_EQ(record["result"]["origin"]["llm_tokens"], 740) << record.dump();
    EXPECT_FALSE(asked.events("planner").empty()) << "the log does not say why";
}

TEST(Engineer, CallsAndTokensAreBudgeted) {
    for (const Json& budget :
         {Json{{"minutes", 1}, {"llm_calls", 1}}, Json{{"minutes", 1}, {"llm_tokens", 100}}}) {
        Engineer story;
        Json request = regenerate(0.999);
        request["budget"] = budget;
        for (int i = 0; i < 5; ++i) story.say(planWith(20 + i));
        story.run("regenerate", request);
        EXPECT_EQ(story.fake.llm.requests.size(), 1U) << budget;
    }
    Engineer twice;
    for (int i = 0; i < 5; ++i) twice.say(planWith(20 + i));
    twice.fake.llm.wasted.calls = 1;  // it was cut on its way
    Json request = regenerate(0.999);
    request["budget"] = {{"minutes", 1}, {"llm_calls", 2}};
    twice.run("regenerate", request);
    EXPECT_EQ(twice.fake.llm.requests.size(), 1U) << "both calls count";
    Engineer story;
    request["budget"] = {{"minutes", 1}, {"llm_calls", 0}};
    story.run("regenerate", request);
    EXPECT_TRUE(story.fake.llm.requests.empty());
}

TEST(Person, WhatIsFixedStaysAndTheModelIsTold) {
    Engineer story;
    Json request = regenerate(0.99);
    request["advice"] = "think of the bearings";
    request["plan"] = {{"training", {{"epochs", 3}, {"batch_size", 8}}}};
    story.say(planWith(90));
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(job["state"], "failed");
    for (const Json& input : story.stages.trained) {
        EXPECT_EQ(input["plan"]["training"]["batch_size"], 8) << input.dump();
    }
    EXPECT_NE(story.prompt(0).find("think of the bearings"), std::string::npos);
    EXPECT_NE(story.prompt(0).find("\"batch_size\":8"), std::string::npos);
    EXPECT_EQ(story.report(job)["goal"]["advice"], "think of the bearings");
}

TEST(Person, AWholePlanIsTrainedAsItIsAndNobodyIsAsked) {
    Engineer story;
    Json request = regenerate(0.6);
    request["plan"] = planWith(90);
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_TRUE(story.fake.llm.requests.empty());
    EXPECT_EQ(job["result"]["plan"]["network"][0]["units"], 90);
    EXPECT_EQ(job["result"]["origin"]["planner"], "asker");
}

TEST(Person, APlanThatCannotBeTrainedSaysWhy) {
    Engineer story;
    story.stages.fails = [](const Json&) { return true; };
    Json request = regenerate();
    request["plan"] = planWith(90);
    const Json job = story.run("regenerate", request);
    EXPECT_EQ(job["state"], "failed");
    EXPECT_EQ(job["error"]["code"], "bad_data") << job["error"].dump();
    EXPECT_EQ(job["error"]["message"], "no plan could be trained: it cannot be done");
}

TEST(Person, APlanThatCannotBeIsRefusedWithItsPlace) {
    for (const auto& [fixed, path] : std::vector<std::pair<Json, std::string>>{
             {{{"training", {{"epochs", 0}}}}, "/plan/training/epochs"},
             {{{"optimizer", "sgd"}}, "/plan"},
             {{{"features", {{{"block", "wavelet"}}}}}, "/plan/features/0"}}) {
        Engineer story;
        Json request = regenerate();
        request["plan"] = fixed;
        const Json job = story.run("regenerate", request);
        EXPECT_EQ(job["error"]["code"], "schema") << job.dump();
        EXPECT_EQ(job["error"]["path"].get<std::string>().find(path), 0U) << job["error"].dump();
        EXPECT_TRUE(story.stages.trained.empty());
    }
}

// ---- retrain and requantize
// ---------------------------------------------------------------------------------------------

struct Released : Engineer {
    Released() {
        stages.ofPlan = nullptr;
        EXPECT_EQ(run("regenerate", regenerate(), "j-0")["state"], "succeeded");
        stages.trained.clear();
    }
    Json retrain(Json more) {
        Json request = {{"id", "r-2"}, {"model", "m"}};
        request.update(more);
        const Json job = run("retrain", request, "j-2");
        EXPECT_EQ(job["state"], "succeeded") << job.dump();
        return job["result"];
    }
};

TEST(RetrainRecipe, TheModelsIsUsedForContinuedWeights) {
    Released story;
    story.say(
        {{"training", {{"batch_size", 7}}}, {"weights", "continued"}, {"reason", "small steps"}});
    const Json result = story.retrain({{"advice", "mind the new pump"}});
    EXPECT_EQ(result["plan"]["training"]["batch_size"], 7);
    EXPECT_EQ(result["origin"]["weights"], "continued");
    EXPECT_EQ(result["origin"]["recipe"]["from"], "scripted");
    EXPECT_EQ(result["origin"]["recipe"]["reason"], "small steps");
    const Json recipe = story.report(story.fake.journal.records.at({"job", "j-2"}))["recipes"][0];
    EXPECT_EQ(recipe["reason"], "small steps") << recipe.dump();
    EXPECT_EQ(recipe["recipe"]["batch_size"], 7);
    EXPECT_EQ(story.stages.trained.back()["plan"]["training"]["batch_size"], 7);
    EXPECT_NE(story.prompt(0).find("mind the new pump"), std::string::npos);
    EXPECT_NE(story.prompt(0).find("nothing that the card shows"), std::string::npos);
    EXPECT_EQ(story.prompt(0).find("secret of the test part"), std::string::npos);
    const Json schema = story.fake.llm.requests.at(0).schema;
    EXPECT_TRUE(schema["properties"]["training"]["properties"].contains("epochs")) << schema;
    const auto& compact = story.fake.llm.requests.at(0).compact;
    ASSERT_EQ(compact.size(), 2U);
    EXPECT_NE(compact[1].content.find("left out here"), std::string::npos) << compact[1].content;
}

TEST(RetrainRecipe, FreshWeightsAreComparedWithTheLastRecipe) {
    for (const bool better : {true, false}) {
        Released story;
        story.stages.ofPlan = [better](const Json& plan) {
            const bool theirs = plan["training"].value("batch_size", 0) == 7;
            return theirs == better ? 0.99 : 0.93;
        };
        story.say({{"training", {{"batch_size", 7}}}, {"weights", "fresh"}, {"reason", "r"}});
        const Json result = story.retrain(Json::object());
        EXPECT_EQ(result["origin"]["weights"], "fresh");
        EXPECT_EQ(result["origin"]["recipe"]["from"], better ? "scripted" : "last");
        EXPECT_EQ(result["plan"]["training"]["batch_size"] == 7, better);
    }
}

TEST(RetrainRecipe, NonsenseAndSilenceFallBackToTheLastOne) {
    for (const bool down : {true, false}) {
        Released story;
        if (!down) {
            story.fake.llm.say("train harder");
            story.fake.llm.say("{\"training\":{\"epochs\":-1}}");
        }
        const Json result = story.retrain(Json::object());
        EXPECT_EQ(result["origin"]["recipe"]["from"], "last");
        EXPECT_FALSE(story.events("planner").empty());
    }
}

TEST(RetrainRecipe, OneThatDoesNotTrainFallsBackToTheLastOne) {
    for (const bool fresh : {true, false}) {
        Released story;
        story.stages.fails = [](const Json& input) {
            return input["plan"]["training"]["learning_rate"] == 0.09;
        };
        story.say({{"training", {{"learning_rate", 0.09}}},
                   {"weights", fresh ? "fresh" : "continued"},
                   {"reason", "faster"}});
        const Json result = story.retrain(Json::object());
        EXPECT_EQ(result["origin"]["recipe"]["from"], "last");
        EXPECT_NE(result["plan"]["training"]["learning_rate"], 0.09);
        EXPECT_FALSE(story.events("recipe").empty());
    }
}

TEST(RetrainRecipe, ThePersonsIsTakenAndNobodyIsAsked) {
    Released story;
    const Json result = story.retrain({{"recipe", {{"epochs", 11}}}});
    EXPECT_EQ(result["plan"]["training"]["epochs"], 11);
    EXPECT_EQ(result["origin"]["recipe"]["from"], "asker");
    EXPECT_TRUE(story.fake.llm.requests.empty());
    const Json refused =
        story.run("retrain", {{"id", "r-3"}, {"model", "m"}, {"recipe", {{"epochs", 0}}}}, "j-3");
    EXPECT_EQ(refused["error"]["code"], "schema") << refused.dump();
    EXPECT_EQ(refused["error"]["path"], "/recipe/epochs");
}

TEST(RequantizeRecipe, TheModelsAreTriedAfterItsOwnAndBeforeTheUsualOnes) {
    Released story;
    story.stages.ofRecipe = [](const Json& recipe) {
        return std::pair(recipe.value("percentile", 0.0) == 97.5 ? 0.99 : 0.95, 0.9);
    };
    story.say({{"recipes", {{{"calibration", "percentile"}, {"percentile", 97.5}}}},
               {"reason", "tails"}});
    const Json job = story.run("requantize", {{"id", "r-2"}, {"model", "m"}}, "j-2");
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["plan"]["quantization"]["percentile"], 97.5);
    EXPECT_EQ(job["result"]["origin"]["recipes"][1]["recipe"]["percentile"], 97.5);
    const Json report = story.report(job);
    EXPECT_EQ(report["recipes"][0]["from"], "scripted") << report["recipes"].dump();
    EXPECT_EQ(report["recipes"][0]["reason"], "tails");
    EXPECT_EQ(report["recipes"][2]["recipe"]["percentile"], 97.5);
    EXPECT_EQ(report["recipes"][2]["accuracy"], 0.99);
    const std::string markdown = reportMarkdown(report);
    EXPECT_NE(markdown.find("> tails"), std::string::npos) << markdown;
    EXPECT_NE(markdown.find("99.0 % on validation"), std::string::npos) << markdown;
    EXPECT_EQ(story.fake.llm.requests.at(0).compact.size(), 2U) << "there is no short form";
    const Json schema = story.fake.llm.requests.at(0).schema;
    EXPECT_TRUE(schema["properties"]["recipes"]["items"]["properties"].contains("calibration"))
        << schema;
}

TEST(RequantizeRecipe, SilenceAndFailuresLeaveTheOthers) {
    for (const bool silent : {true, false}) {
        Released story;
        const auto odd = [](const Json& recipe) { return recipe.value("percentile", 0.0) == 97.5; };
        story.stages.ofRecipe = [](const Json& recipe) {
            return std::pair(recipe["calibration"] == "mse" ? 0.99 : 0.95, 0.9);
        };
        story.stages.fails = [&](const Json& input) { return odd(input["plan"]["quantization"]); };
        if (!silent) {
            story.say({{"recipes", {{{"calibration", "percentile"}, {"percentile", 97.5}}}},
                       {"reason", "tails"}});
        }
        const Json job = story.run("requantize", {{"id", "r-2"}, {"model", "m"}}, "j-2");
        ASSERT_EQ(job["state"], "succeeded") << job.dump();
        EXPECT_EQ(job["result"]["plan"]["quantization"]["calibration"], "mse");
        for (const Json& trial : job["result"]["origin"]["recipes"])
            EXPECT_FALSE(odd(trial["recipe"])) << trial.dump();
    }
}

}  // namespace
}  // namespace tinsmith
