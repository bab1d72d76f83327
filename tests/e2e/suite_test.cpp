// Four tasks of the suite with short budgets, planned by the built-in search alone and beside a
// language model whose every reply is useless. `./run bench llm` plays all of them.
#include <gtest/gtest.h>

#include <cstdio>
#include <numeric>

#include "bench/engineers.hpp"
#include "bench/suite.hpp"

namespace tinsmith::e2e {
namespace {

struct Short {
    const char* task;
    double minutes;
    double target;  // below the suite's: so little time is no measure
};
constexpr Short kTasks[] = {
    {"fruit", 0.1, 0.95}, {"fan-balance", 0.3, 0.7}, {"wand", 0.2, 0.9}, {"smells", 0.15, 0.85}};
// The first training and the final fit are made however short the budget is, and a busy machine
// makes them longer than was foreseen: only a budget that is forgotten takes so many times of it.
// `./run bench llm` prints what is kept.
constexpr double kOver = 3;

bench::SuiteTask shortened(const Short& wanted) {
    for (bench::SuiteTask task : bench::loadTasks(bench::taskFolder())) {
        if (task.name != wanted.task) continue;
        task.request["budget"]["minutes"] = wanted.minutes;
        task.request["target"]["accuracy"] = wanted.target;
        return task;
    }
    throw std::runtime_error(std::string("the suite has no task ") + wanted.task);
}

// What was foreseen of the image before training: never less than it became, so that nothing is
// trained in vain, and not much more, so that nothing is refused in vain.
void expectForeseen(const Json& report) {
    const Json& result = report["result"];
    const double image = result["measured"]["image_bytes"];
    for (const Json& attempt : report["attempts"]) {
        if (attempt["plan"] != result["plan"]) continue;
        const double foreseen = attempt["cost"]["flash_bytes"];
        EXPECT_GE(foreseen, image) << attempt["cost"];
        EXPECT_LE(foreseen, 1.06 * image) << attempt["cost"];
    }
}

// The outcome of each task, all checked for what holds on every path.
std::vector<bench::Outcome> play(const std::string& settings) {
    House::Options options;
    options.dataDir = sharedFolder() / "data";
    options.extraSettings = settings;
    House house(options);
    const auto client = house.client();
    std::vector<bench::Outcome> outcomes;
    for (const Short& wanted : kTasks) {
        SCOPED_TRACE(wanted.task);
        const bench::SuiteTask task = shortened(wanted);
        bench::importData(*client, task);
        const bench::Outcome outcome = bench::runTask(*client, task, 1);
        EXPECT_TRUE(outcome.right) << outcome.fault;
        if (outcome.right && outcome.ending == "succeeded") expectForeseen(outcome.report);
        EXPECT_LE(outcome.planned, kOver * 60 * task.minutes());
        std::printf("%-12s %s, test accuracy %.3f, %d calls, %.1f s of a budget of %.0f s, by %s\n",
                    wanted.task, outcome.ending.c_str(), outcome.accuracy, outcome.calls,
                    outcome.planned, 60 * task.minutes(), outcome.planner.c_str());
        outcomes.push_back(outcome);
    }
    return outcomes;
}

TEST(Suite, TasksEndRightWithoutALanguageModel) {
    if (sharedFolder().empty()) GTEST_SKIP() << "SKIPPED: the task suite: no shared folder";
    for (const bench::Outcome& outcome : play("")) EXPECT_EQ(outcome.planner, "search");
}

TEST(Suite, TasksEndRightBesideAnEngineerWhoInventsInterfaces) {
    if (sharedFolder().empty()) GTEST_SKIP() << "SKIPPED: the task suite: no shared folder";
    ScriptedModel model;
    ASSERT_TRUE(model.converse(bench::engineer("interfaces")));
    const auto outcomes = play(bench::settingsFor(model.url(), "interfaces"));
    for (const bench::Outcome& outcome : outcomes) EXPECT_EQ(outcome.planner, "search");
    const int calls =
        std::accumulate(outcomes.begin(), outcomes.end(), 0,
                        [](int sum, const bench::Outcome& outcome) { return sum + outcome.calls; });
    EXPECT_GE(calls, 1) << "the engineer was never asked";
}

}  // namespace
}  // namespace tinsmith::e2e
