// The board refuses what was chosen: the next best plan takes its place, whoever wrote it, and the
// planners know why.
#include <gtest/gtest.h>

#include <algorithm>

#include "handlers/plan/cost.hpp"
#include "handlers/requests/goal.hpp"
#include "handlers/requests/refusal.hpp"
#include "tests/handlers/requests/stories/story.hpp"

namespace tinsmith {
namespace {

using testing::killedAroundEveryCommit;
using testing::regenerate;
using testing::Story;

// The cost of a plan as the job foresees it, for the dataset and the board of the fake world.
plan::Feasibility foreseen(Story& story, const Json& planJson) {
    GoalRequest request;
    request.model = "m";
    request.dataset = "toy";
    const auto goal = makeGoal(story.fake.world, request);
    EXPECT_TRUE(goal);
    const auto plan = plan::parsePlan(planJson, goal->window());
    EXPECT_TRUE(plan) << planJson;
    return plan::check(*plan, goal->window(), goal->limits);
}

// A board on which everything takes `factor` of the high end that was foreseen.
void slowBy(Story& story, double factor) {
    story.stages.instructionsOf = [&story, factor](const Json& plan) {
        const plan::Latency latency = foreseen(story, plan).cost.latency;
        // At 25 MHz and 1.8 cycles an instruction, as the fake board is.
        return static_cast<std::uint64_t>(latency.high * factor * 25e3 / 1.8);
    };
}

// As good as the whole scale of plans, the larger the better, and none reaches the target.
double worthBySize(const Json& plan) {
    return 0.6 +
           0.2 * std::min<double>(1, static_cast<double>(plan["network"].dump().size()) / 600);
}

Json withoutTarget() {
    Json request = regenerate();
    request.erase("target");
    return request;
}

Json reportOf(Story& story, const Json& job) {
    const auto text = story.fake.artefacts.read(job.value("report", ""));
    EXPECT_TRUE(text) << "no report of " << job.dump();
    return text ? Json::parse(*text) : Json();
}

std::vector<Json> refusedAttempts(Story& story, const Json& job) {
    std::vector<Json> refused;
    const Json report = reportOf(story, job);
    for (const Json& attempt : report["attempts"]) {
        if (attempt["verdict"] == "refused by the board") refused.push_back(attempt);
    }
    return refused;
}

// What the job would choose if the board took everything.
double latencyOfChoice(const Json& request) {
    Story story;
    story.stages.ofPlan = worthBySize;
    const Json job = story.run("regenerate", request);
    EXPECT_EQ(job["state"], "succeeded") << job.dump();
    return foreseen(story, job["result"]["plan"]).cost.latency.high;
}

Json justEnough() {
    Json request = withoutTarget();
    request["limits"]["latency_ms"] = 1.05 * latencyOfChoice(request);
    return request;
}

TEST(Refusal, NarrowsWhatWasMissedByWhatTheEstimateFellShortOf) {
    struct Case {
        const char* name;
        plan::BoardLimits before, after;
        Json measured;  // of a plan that was foreseen to take 90 KB, 50 KB and 20 ms
    };
    const auto limits = [](std::uint64_t flash, std::uint64_t ram, double ms) {
        plan::BoardLimits all;
        all.flashBytes = flash;
        all.ramBytes = ram;
        all.latencyMs = ms;
        return all;
    };
    const auto measured = [](std::uint64_t flash, std::uint64_t ram, double ms) {
        return Json{{"image_bytes", flash},
                    {"ram_bytes", ram},
                    {"latency_ms", ms},
                    {"latency_ms_range", {ms, ms}}};
    };
    const plan::BoardLimits asked = limits(100'000, 60'000, 25);
    plan::Feasibility foreseen;
    foreseen.flashBytes = 90'000;
    foreseen.ramBytes = 50'000;
    foreseen.cost.latency.high = 20;
    const Case cases[] = {
        {"flash", asked, limits(88'000, 60'000, 25), measured(102'000, 50'000, 20)},
        {"RAM", asked, limits(100'000, 49'000, 25), measured(90'000, 61'000, 20)},
        {"time", asked, limits(100'000, 60'000, 12.5), measured(90'000, 50'000, 40)},
        {"what keeps to its limit stays", asked, asked, measured(99'000, 59'000, 24.9)},
        {"nothing was measured", asked, asked, Json::object()},
        {"a limit that is narrower already is not what is broken", limits(100'000, 49'000, 21),
         limits(100'000, 49'000, 21), measured(90'000, 59'000, 24)},
        {"never wider", limits(100'000, 60'000, 10), limits(100'000, 60'000, 10),
         measured(90'000, 50'000, 26)},
        {"more was missed than is allowed", asked, limits(0, 60'000, 25),
         measured(900'000, 50'000, 20)},
    };
    for (const Case& each : cases) {
        plan::BoardLimits narrowed = each.before;
        narrow(narrowed, asked, foreseen, each.measured);
        EXPECT_EQ(narrowed.flashBytes, each.after.flashBytes) << each.name;
        EXPECT_EQ(narrowed.ramBytes, each.after.ramBytes) << each.name;
        EXPECT_DOUBLE_EQ(narrowed.latencyMs, each.after.latencyMs) << each.name;
    }
    plan::BoardLimits open = limits(100'000, 60'000, 0);
    narrow(open, open, foreseen, measured(90'000, 50'000, 1e9));
    EXPECT_EQ(open.latencyMs, 0) << "0 is no limit";
}

TEST(Refusal, ASlowerBoardThanForeseenTakesTheNextPlan) {
    const Json request = justEnough();
    const double limit = request["limits"]["latency_ms"];
    Story story;
    story.stages.ofPlan = worthBySize;
    slowBy(story, 1.3);
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    const std::vector<Json> refused = refusedAttempts(story, job);
    ASSERT_EQ(refused.size(), 1U) << "narrowed by what was missed, the next one fits";
    EXPECT_NE(refused[0]["plan"], job["result"]["plan"]);
    EXPECT_NE(
        refused[0]["facts"][0].get<std::string>().find("REFUSED BY THE BOARD: a window takes"),
        std::string::npos)
        << refused[0].dump();
    EXPECT_NE(refused[0]["reason"], "") << "why it was tried stays";
    EXPECT_LE(job["result"]["measured"]["latency_ms_range"][1], limit);
    EXPECT_LE(1.3 * foreseen(story, job["result"]["plan"]).cost.latency.high, 1.001 * limit);
    EXPECT_EQ(story.events("refused").size(), 1U);
    EXPECT_EQ(story.fake.signer.signatures, 2) << "what is refused is never signed";
    EXPECT_EQ(job["result"]["version"], 1);
    const Json version = story.fake.journal.records.at({"version", "m/000001"});
    EXPECT_EQ(version["released"], true);
    EXPECT_EQ(version["plan"], job["result"]["plan"]);
    EXPECT_EQ(version["counter"], 3) << "a counter is never used twice";
}

TEST(Refusal, KilledAnywhereTheSamePlanIsReleased) {
    // The first plan reaches the target, and so does the next: few commits.
    Json request = regenerate();
    {
        Story story;
        const Json plan = story.run("regenerate", request)["result"]["plan"];
        request["limits"]["latency_ms"] = 1.05 * foreseen(story, plan).cost.latency.high;
    }
    const auto prepare = [](Story& story) { slowBy(story, 1.3); };
    Story undisturbed;
    prepare(undisturbed);
    const Json wanted = undisturbed.run("regenerate", request)["result"]["plan"];
    killedAroundEveryCommit(request, prepare, [&](Story& story) {
        const Json job = story.fake.journal.records.at({"job", "j-1"});
        ASSERT_EQ(job["state"], "succeeded") << job.dump();
        EXPECT_EQ(job["result"]["plan"], wanted);
        EXPECT_EQ(refusedAttempts(story, job).size(), 1U);
    });
}

TEST(Refusal, WhereNoPlanCanPassTheFirstRefusalIsTheEnd) {
    const Json request = justEnough();
    Story story;
    story.stages.ofPlan = worthBySize;
    slowBy(story, 1e6);
    const Json job = story.run("regenerate", request);
    EXPECT_EQ(job["error"]["code"], "not_feasible") << job.dump();
    EXPECT_EQ(job["error"]["path"], "/limits/latency_ms");
    EXPECT_EQ(story.stages.runs["generate"], 1) << "nothing else can be expected to pass";
    EXPECT_EQ(story.fake.signer.signatures, 0);
    EXPECT_GT(job["result"]["measured"]["latency_ms"], 0) << "what was measured is told";
    const Json version = story.fake.journal.records.at({"version", "m/000001"});
    EXPECT_EQ(version["released"], false);
    EXPECT_EQ(version["measured"], job["result"]["measured"]);
}

// The linker's word comes before anything runs.
TEST(Refusal, AnImageThatTheLinkerFindsNoRoomForIsOne) {
    Story story;
    story.stages.ofPlan = worthBySize;
    story.stages.overflows = 1;
    const Json job = story.run("regenerate", withoutTarget());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    const std::vector<Json> refused = refusedAttempts(story, job);
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_NE(refused[0]["facts"].dump().find("overflowed by 1284 bytes"), std::string::npos)
        << refused[0].dump();
    EXPECT_NE(refused[0]["plan"], job["result"]["plan"]);
}

TEST(Refusal, TheThirdInARowEndsTheJob) {
    Story story;
    story.stages.ofPlan = worthBySize;
    story.stages.preflightError = {{"code", "preflight_failed"}, {"message", "slot a: wrong"}};
    const Json job = story.run("regenerate", withoutTarget());
    EXPECT_EQ(job["error"]["code"], "preflight_failed") << job.dump();
    EXPECT_EQ(story.stages.runs["generate"], 3);
    EXPECT_EQ(refusedAttempts(story, job).size(), 3U);
    EXPECT_EQ(story.fake.signer.signatures, 0);
}

TEST(Refusal, TheAskersWholePlanHasNoOtherInItsPlace) {
    Story story;
    Json request = justEnough();
    story.stages.ofPlan = worthBySize;
    const Json chosen = story.run("regenerate", request, "j-0")["result"]["plan"];
    request["plan"] = chosen;
    request["plan"].erase("reason");
    slowBy(story, 1.3);
    const int built = story.stages.runs["generate"];
    const Json job = story.run("regenerate", request);
    EXPECT_EQ(job["error"]["code"], "not_feasible") << job.dump();
    EXPECT_EQ(story.stages.runs["generate"], built + 1);
}

// The model's plan is the best, and the only one to reach the target: it is told that the board
// refused it, and what the board measured, and mends it.
TEST(Refusal, TheLanguageModelIsToldAndMendsItsPlan) {
    Story story;
    const auto planWith = [](int units) {
        return Json{{"version", 1},
                    {"reason", "Wide enough."},
                    {"features", {{{"block", "raw"}}}},
                    {"network", {{{"layer", "flatten"}}, {{"layer", "dense"}, {"units", units}}}},
                    {"training", {{"epochs", 5}}}};
    };
    story.stages.ofPlan = [](const Json& plan) {
        const Json& network = plan["network"];
        const int units = network.size() == 2 ? network[1].value("units", 0) : 0;
        return units == 90 ? 0.99 : units == 60 ? 0.98 : 0.7;
    };
    slowBy(story, 1.3);
    story.fake.llm.always = true;
    story.fake.llm.say(planWith(90).dump());
    story.fake.llm.say(planWith(60).dump());
    Json request = regenerate();
    request["limits"]["latency_ms"] = 1.05 * foreseen(story, planWith(90)).cost.latency.high;
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["origin"]["planner"], "scripted");
    EXPECT_EQ(job["result"]["plan"]["network"][1]["units"], 60);
    ASSERT_GE(story.fake.llm.requests.size(), 2U);
    std::string told;
    for (const ChatMessage& message : story.fake.llm.requests[1].messages) told += message.content;
    EXPECT_NE(told.find("REFUSED BY THE BOARD: a window takes"), std::string::npos) << told;
    EXPECT_NE(told.find("Wide enough."), std::string::npos) << "the plan that it is to mend";
}

}  // namespace
}  // namespace tinsmith
