// The scripted engineers do what they are there for: the good one's plans hold for every kind of
// data, the others' never do.
#include <gtest/gtest.h>

#include <set>

#include "bench/engineers.hpp"
#include "handlers/plan/cost.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/plan/prompt.hpp"
#include "handlers/plan/reply.hpp"

namespace tinsmith {
namespace {

struct Case {
    const char* name;
    plan::WindowShape window;
    Json card;
};

plan::WindowShape shape(int length, int channels, double rate, int rows = 0, int columns = 0) {
    plan::WindowShape window;
    window.length = length;
    window.channels = channels;
    window.classes = 4;
    window.rateHz = rate;
    window.pictureRows = rows;
    window.pictureColumns = columns;
    return window;
}

std::vector<Case> cases() {
    const Json windows = {{"train", {{"total", 900}}}};
    const Json picture = {{"rows", 32}, {"columns", 32}};
    return {{"values", shape(1, 3, 0), {{"windows", windows}}},
            {"slow", shape(100, 6, 1), {{"rate_hz", 1}, {"windows", windows}}},
            {"strokes", shape(94, 2, 0), {{"windows", windows}}},
            {"waves", shape(100, 3, 50), {{"rate_hz", 50}, {"windows", windows}}},
            {"sound", shape(5000, 1, 8000), {{"rate_hz", 8000}, {"windows", windows}}},
            {"picture", shape(1024, 3, 0, 32, 32), {{"picture", picture}, {"windows", windows}}}};
}

plan::BoardLimits board() {
    plan::BoardLimits limits;
    limits.flashBytes = 1'000'000;
    limits.ramBytes = 262'144;
    limits.speed = {25e6, 1, 1, 1};
    return limits;
}

Json asked(const Case& each, const std::vector<plan::Attempt>& attempts,
           const std::string& task = "Tell four classes apart") {
    plan::PromptInput input;
    input.task = task;
    input.dataCard = each.card;
    input.window = each.window;
    input.limits = board();
    input.targetAccuracy = 0.9;
    input.attempts = attempts;
    if (!attempts.empty()) input.best = 0;
    const auto prompt = plan::planPrompt(input, plan::planTemplate());
    EXPECT_TRUE(prompt);
    Json messages = Json::array();
    for (const plan::Message& message : prompt->messages)
        messages.push_back({{"role", message.role}, {"content", message.content}});
    return {{"messages", messages}};
}

// The plan that a reply comes to, or why it comes to none.
Result<plan::Plan> planOf(const std::string& text, const Case& each,
                          const std::vector<plan::Attempt>& attempts) {
    const auto reply = plan::readReply(text);
    if (!reply) return std::unexpected(reply.error());
    if (reply->kind == plan::Reply::Kind::plan) return plan::parsePlan(reply->json, each.window);
    if (attempts.empty() || reply->kind == plan::Reply::Kind::look)
        return fail(Code::schema, "there is nothing to edit");
    const auto edited = plan::edited(attempts.front().plan, reply->json);
    if (!edited) return std::unexpected(edited.error());
    return plan::parsePlan(*edited, each.window);
}

plan::Attempt attempt(int number, const std::string& planner, const Json& plan) {
    plan::Attempt attempt;
    attempt.number = number;
    attempt.planner = planner;
    attempt.plan = plan;
    attempt.measured = attempt.full = true;
    attempt.accuracy = 0.7;
    return attempt;
}

TEST(Engineers, TheGoodOnesPlansHoldAndGoOn) {
    for (const Case& each : cases()) {
        SCOPED_TRACE(each.name);
        const auto good = bench::engineer("good");
        std::vector<plan::Attempt> attempts;
        std::set<std::string> seen;
        for (int turn = 0; turn < 4; ++turn) {
            const auto said = good(asked(each, attempts));
            const auto plan = planOf(said.text, each, attempts);
            ASSERT_TRUE(plan) << said.text << "\n" << plan.error().message << plan.error().path;
            EXPECT_TRUE(plan::check(*plan, each.window, board()).fits) << said.text;
            Json json = plan::toJson(*plan);
            json.erase("reason");
            EXPECT_TRUE(seen.insert(json.dump()).second) << "again in turn " << turn << said.text;
            attempts.push_back(attempt(turn + 1, "good", json));
        }
    }
}

// From the task alone: the prompt around it speaks of everything that may be worn.
TEST(Engineers, TheGoodOneTurnsWhatIsWornAndNoMachine) {
    const Case waves = cases()[3];
    for (const auto& [task, turns] :
         {std::pair("A watch on the wrist: what does somebody do?", true),
          std::pair("Is somebody's fan out of balance?", false)}) {
        const auto good = bench::engineer("good");
        const auto plan = planOf(good(asked(waves, {}, task)).text, waves, {});
        ASSERT_TRUE(plan) << plan.error().message;
        EXPECT_EQ(plan->training.augment.rotate > 0, turns) << task;
    }
}

TEST(Engineers, TheOthersRepliesNeverBecomeAPlanThatFits) {
    const Json small = {{"version", 1},
                        {"features", {{{"block", "raw"}}}},
                        {"network", {{{"layer", "flatten"}}}},
                        {"training", {{"epochs", 5}}}};
    const std::vector<plan::Attempt> attempts = {attempt(1, "search", small)};
    for (const char* name : {"format", "interfaces", "runaway", "stubborn"}) {
        const auto bad = bench::engineer(name);
        for (int n = 0; n < 12; ++n) {
            const Case each = cases()[3];
            const auto said = bad(asked(each, attempts));
            const auto plan = planOf(said.text, each, attempts);
            EXPECT_TRUE(!plan || !plan::check(*plan, each.window, board()).fits)
                << name << " said " << said.text;
        }
    }
}

}  // namespace
}  // namespace tinsmith
