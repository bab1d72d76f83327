#include "handlers/plan/search.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "handlers/plan/candidates.hpp"

namespace tinsmith::plan {
namespace {

SearchInput input(WindowShape window, std::size_t windows) {
    return {window,
            windows,
            {"mps2-an386", {25e6, 1.2, 1.3, 1.5}, 1'000'000, 256'000, 100'000, 60'000, 0}};
}

std::string key(const Trial& trial) {
    return canonical(toJson(trial.plan)) + std::to_string(trial.epochsScale);
}

// Plays the loop of the caller: one batch after the other, accuracies from `measure`.
template <class Measure>
std::vector<Outcome> play(const SearchInput& in, Measure measure) {
    std::vector<Outcome> done;
    for (int round = 0; round < 20; ++round) {
        const auto next = nextTrials(in, done);
        if (next.empty()) return done;
        for (const auto& trial : next) {
            const double accuracy = measure(trial, done.size());
            done.push_back(
                {trial, accuracy, accuracy - 0.02, 1, check(trial.plan, in.window, in.limits)});
        }
    }
    ADD_FAILURE() << "the search does not end";
    return done;
}

TEST(Search, EndsAndNeverRepeatsATrial) {
    for (const auto& in :
         {input({1, 3, 3}, 113), input({8, 2, 2}, 500), input({12, 1, 2}, 5000),
          input({20, 3, 4}, 3000), input({100, 3, 3}, 1400), input({160, 3, 6}, 5000),
          input({128, 9, 6}, 7000), input({1024, 1, 2}, 300), input({2048, 3, 4}, 900),
          input({5155, 1, 10, 8000}, 1600), input({16000, 1, 12, 16000}, 900),
          input({4096, 3, 10, 0, 64, 64}, 979), input({784, 1, 10, 0, 28, 28}, 8000),
          input({64, 1, 2, 0, 8, 8}, 100)}) {
        const auto done = play(in, [](const Trial&, std::size_t i) {
            return 0.5 + 0.01 * static_cast<double>(i % 7);
        });
        EXPECT_GE(done.size(), 4u) << in.window.length;
        EXPECT_LE(done.size(), 21u) << in.window.length;
        std::set<std::string> seen;
        for (const auto& outcome : done) {
            EXPECT_TRUE(seen.insert(key(outcome.trial)).second) << in.window.length;
            EXPECT_TRUE(outcome.cost.fits);
            EXPECT_TRUE(parsePlan(toJson(outcome.trial.plan), in.window));
        }
    }
}

TEST(Search, SameInputsGiveTheSameTrialsAndInterruptedBatchesGoOn) {
    const SearchInput in = input({100, 3, 3}, 1400);
    const auto favourite = nextTrials(in, {});
    ASSERT_EQ(favourite.size(), 1u);
    EXPECT_EQ(favourite[0].epochsScale, 1);
    std::vector<Outcome> done = {{favourite[0], 0.8, 0.75, 1, {}}};
    const auto looks = nextTrials(in, done);
    ASSERT_GE(looks.size(), 4u);
    const auto again = nextTrials(in, done);
    ASSERT_EQ(looks.size(), again.size());
    for (std::size_t i = 0; i < looks.size(); ++i) EXPECT_EQ(key(looks[i]), key(again[i]));
    done.push_back({looks[0], 0.8, 0.75, 1, {}});
    const auto rest = nextTrials(in, done);
    ASSERT_EQ(rest.size(), looks.size() - 1);
    EXPECT_EQ(key(rest[0]), key(looks[1]));
}

TEST(Search, TheBetterLooksAreTrainedInFullAndTheBestVaried) {
    const SearchInput in = input({100, 3, 3}, 1400);
    const auto done = play(in, [](const Trial& trial, std::size_t i) {
        return trial.rung == 0 ? 0.6 + 0.01 * static_cast<double>(i) : 0.9;
    });
    std::vector<const Outcome*> full;
    for (const auto& outcome : done) {
        if (outcome.trial.rung == 0) {
            EXPECT_LT(outcome.trial.epochsScale, 1);
        } else {
            EXPECT_EQ(outcome.trial.epochsScale, 1);
        }
        if (outcome.trial.rung == 1) full.push_back(&outcome);
    }
    ASSERT_EQ(full.size(), 3u);  // the favourite and the two best looks
    EXPECT_EQ(canonical(toJson(full[1]->trial.plan)), canonical(toJson(done[5].trial.plan)));
    EXPECT_EQ(done.back().trial.rung, 2);
}

// Bands for what is heard, pixels for what is seen, samples for the rest.
TEST(Search, KindsOfWindowsGetTheirFeatures) {
    const std::pair<WindowShape, dsp::BlockKind> cases[] = {
        {{5155, 1, 10, 8000}, dsp::BlockKind::mel},
        {{16000, 2, 4, 16000}, dsp::BlockKind::mel},
        {{1024, 1, 2, 400}, dsp::BlockKind::raw},
        {{1024, 1, 2}, dsp::BlockKind::raw},
        {{4096, 3, 10, 0, 64, 64}, dsp::BlockKind::image},
        {{784, 1, 10, 0, 28, 28}, dsp::BlockKind::image},
    };
    for (const auto& [window, kind] : cases) {
        const auto trials = nextTrials(input(window, 2000), {});
        ASSERT_FALSE(trials.empty()) << window.length;
        EXPECT_EQ(trials[0].plan.features[0].kind, kind) << window.length;
    }
}

TEST(Search, SeriesAreSeenWithTheirHistory) {
    SearchInput in = input({1, 4, 2}, 10000);
    EXPECT_FALSE(nextTrials(in, {}).front().plan.windowing);
    in.series = true;
    const auto first = nextTrials(in, {});
    ASSERT_TRUE(first.front().plan.windowing);
    EXPECT_EQ(first.front().plan.windowing->length, 60);
}

// What one device recorded says nothing of how others sit, run and measure.
TEST(Search, DataOfOneDeviceAreVariedAsOthersMightSeeThem) {
    SearchInput in = input({256, 3, 4}, 200);
    EXPECT_EQ(candidates(in).front().training.augment.rotate, 0);
    in.oneSource = true;
    EXPECT_EQ(candidates(in).front().training.augment.scale, 0) << "temperatures, say";
    in.axes = true;
    for (const Plan& plan : candidates(in)) {
        const Augmentation& augment = plan.training.augment;
        EXPECT_GT(augment.timeWarp, 0) << plan.reason;
        EXPECT_GT(augment.scale, 0) << plan.reason;
        EXPECT_GT(augment.rotate, 0) << plan.reason;
        for (const Plan& changed : variations(plan, in))
            EXPECT_GT(changed.training.augment.timeWarp, 0) << changed.reason;
    }
}

// What may vary in the world is tried alone, together and not at all.
TEST(Search, AugmentationsAreVariedOneByOne) {
    SearchInput in = input({100, 3, 3, 50}, 1400);
    in.axes = true;
    const auto favourite = candidates(in).front();
    int alone = 0;
    int together = 0;
    for (const auto& plan : variations(favourite, in)) {
        const Augmentation& a = plan.training.augment;
        const int kinds = (a.timeWarp > 0 ? 1 : 0) + (a.rotate > 0 ? 1 : 0) + (a.scale > 0 ? 1 : 0);
        alone += kinds == 1 ? 1 : 0;
        together += kinds == 3 ? 1 : 0;
    }
    EXPECT_EQ(alone, 3);
    EXPECT_EQ(together, 1);
    SearchInput recordings = in;
    recordings.contiguous = true;
    const auto longer = [](const std::vector<Plan>& plans) {
        return std::ranges::count_if(plans, [](const Plan& plan) {
            return plan.windowing && plan.windowing->length == 200;
        });
    };
    EXPECT_EQ(longer(variations(favourite, in)), 0);
    EXPECT_EQ(longer(variations(favourite, recordings)), 1);
}

TEST(Search, TinyTablesGetTinyNetworksFirst) {
    const auto trials = nextTrials(input({1, 3, 3}, 113), {});
    ASSERT_FALSE(trials.empty());
    EXPECT_EQ(trials[0].epochsScale, 1);
    ASSERT_EQ(trials[0].plan.network.size(), 1u);
    EXPECT_EQ(trials[0].plan.network[0].units, 8);
}

TEST(Search, InfeasiblePlansAreNotTried) {
    SearchInput in = input({100, 3, 3}, 1400);
    in.limits.latencyMs = 6;
    const auto trials = nextTrials(in, {});
    ASSERT_FALSE(trials.empty());
    for (const auto& trial : trials) EXPECT_TRUE(check(trial.plan, in.window, in.limits).fits);
    in.limits.latencyMs = 0.01;
    EXPECT_TRUE(nextTrials(in, {}).empty());
    EXPECT_TRUE(nextTrials(input({4096, 16, 4}, 900), {})
                    .empty());  // two such windows alone exceed the RAM
    const Feasibility least = smallestCandidate(in);
    EXPECT_FALSE(least.fits);
    EXPECT_EQ(least.broken, "latency");
    EXPECT_FALSE(least.sentence.empty());
    EXPECT_TRUE(smallestCandidate(input({100, 3, 3}, 1400)).fits);
}

// A limit may become narrower in the middle of the work (requests/refusal.hpp).
TEST(Search, ALookThatNoLongerFitsIsNotTrainedInFull) {
    SearchInput in = input({100, 3, 3}, 1400);
    std::vector<Outcome> done;
    double longest = 0;
    for (auto next = nextTrials(in, done); next[0].rung == 0 || done.empty();
         next = nextTrials(in, done)) {
        for (const Trial& trial : next) {
            const Feasibility cost = check(trial.plan, in.window, in.limits);
            // What takes longest is worth most.
            done.push_back({trial, cost.cost.latency.high / 1000, 0, 1, cost});
            longest = std::max(longest, cost.cost.latency.high);
        }
        if (done.size() > 1 && in.limits.latencyMs == 0) in.limits.latencyMs = 0.99 * longest;
        ASSERT_FALSE(nextTrials(in, done).empty());
    }
    const auto next = nextTrials(in, done);
    EXPECT_EQ(next[0].rung, 1);
    for (const Trial& trial : next) EXPECT_TRUE(check(trial.plan, in.window, in.limits).fits);
}

TEST(Search, EveryWindowHasValidCandidatesAndVariations) {
    for (int length = 1; length <= 4096; length = length < 80 ? length + 1 : length * 2) {
        const SearchInput in = input({length, 2, 3}, 1000);
        const auto plans = candidates(in);
        EXPECT_GE(plans.size(), 2u) << length;
        for (const auto& plan : plans) {
            EXPECT_TRUE(parsePlan(toJson(plan), in.window)) << length;
            EXPECT_FALSE(variations(plan, in).empty());
        }
    }
}

}  // namespace
}  // namespace tinsmith::plan
