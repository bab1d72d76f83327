// Further looks at plans: when a job takes one, and what it makes of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "handlers/requests/trials.hpp"
#include "tests/handlers/requests/stories/story.hpp"

namespace tinsmith {
namespace {

using testing::regenerate;
using testing::Story;

struct Looks : Story {
    explicit Looks(int validationGroups) {
        card()["groups"]["validation"] = {{"count", validationGroups}};
    }
    Json& card() { return fake.journal.records[{"dataset", "toy"}]["card"]; }
    // The cuts that plans were tried on, in order; the final fit is not among them.
    [[nodiscard]] std::vector<int> cuts() const {
        std::vector<int> folds;
        for (const Json& input : stages.trained) {
            if (input["parts"].size() == 1) folds.push_back(input.value("fold", 0));
        }
        return folds;
    }
    // The network of the first plan that was tried, and of the one that was taken.
    [[nodiscard]] Json first() const { return stages.trained.at(0)["plan"]["network"]; }
    static Json taken(const Json& job) { return job["result"]["plan"]["network"]; }
};

// Without a target, so that the whole budget is used.
Json within(int seconds) {
    Json request = regenerate();
    request.erase("target");
    request["budget"]["minutes"] = seconds / 60.0;
    return request;
}

TEST(Looks, AReachedTargetIsConfirmedWhereGroupsAreFew) {
    Looks few(2);
    const Json job = few.run("regenerate", regenerate());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(few.cuts(), (std::vector<int>{0, 1}));
    EXPECT_NE(few.stages.trained[0]["seed"], few.stages.trained[1]["seed"]);
    Looks many(12);
    EXPECT_EQ(many.run("regenerate", regenerate())["state"], "succeeded");
    EXPECT_EQ(many.cuts(), std::vector<int>{0}) << "so many groups are a fair sample";
    Looks shared(2);
    for (const char* part : {"train", "validation"})
        shared.card()["groups"][part] = {{"count", 2}, {"names", {"a", "b"}}};
    EXPECT_EQ(shared.run("regenerate", regenerate())["state"], "succeeded");
    EXPECT_EQ(shared.cuts(), std::vector<int>{0}) << "the same groups are in train";
}

TEST(Looks, OnlyInASeriesIsALookTrainedToItsEnd) {
    for (const bool series : {false, true}) {
        Looks story(2);
        if (series) {
            story.card()["window"] = {{"length", 1}, {"stride", 1}};
            story.card()["label_changes"] = 8;
        }
        ASSERT_EQ(story.run("regenerate", regenerate())["state"], "succeeded");
        ASSERT_EQ(story.cuts(), (std::vector<int>{0, 1}));
        EXPECT_EQ(story.stages.trained[0]["early_stopping"], true);
        EXPECT_EQ(story.stages.trained[1]["early_stopping"], !series);
    }
}

TEST(Looks, APlanThatWasLuckyGivesWayToOneThatHolds) {
    Looks story(2);
    story.stages.ofLook = [&](const Json& plan, int fold) {
        if (plan["network"] != story.first()) return 0.95;
        return fold == 0 ? 0.99 : 0.7;
    };
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_NE(Looks::taken(job), story.first());
    EXPECT_EQ(story.cuts(), (std::vector<int>{0, 1, 0, 1})) << "two plans, both looked at twice";
}

TEST(Looks, ALookThatCannotBeIsNotAskedForAgain) {
    Looks story(2);
    story.stages.fails = [](const Json& input) { return input.value("fold", 0) == 1; };
    const Json job = story.run("regenerate", regenerate());
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(story.cuts(), (std::vector<int>{0, 1})) << "what there is has to do";
}

TEST(Looks, ThePlanThatHoldsOnTwoCutsIsVaried) {
    Looks story(2);
    story.stages.ofLook = [&](const Json& plan, int fold) {
        if (plan["network"] == story.first()) return 0.92;
        return fold == 0 ? 0.93 : 0.7;
    };
    Json request = regenerate();
    request.erase("target");
    EXPECT_EQ(story.run("regenerate", request)["state"], "succeeded");
    const std::vector<int> cuts = story.cuts();
    const auto looks = std::ranges::find(cuts, 1);
    const auto varied = std::find(looks, cuts.end(), 0);
    ASSERT_NE(varied, cuts.end()) << "nothing was varied after " << cuts.size() << " trainings";
    const Json& plan = story.stages.trained.at(static_cast<std::size_t>(varied - cuts.begin()));
    EXPECT_EQ(plan["plan"]["network"], story.first()) << plan.dump();
}

// The budget ends somewhere among the looks, at each place once.
TEST(Looks, PlansAreComparedOnTheCutsThatAllOfThemHad) {
    int ends = 0;
    for (int seconds = 14; seconds <= 30; ++seconds) {
        Looks story(2);
        // Another is better at first sight, and one cut is hard for everybody.
        story.stages.ofLook = [&](const Json& plan, int fold) {
            story.fake.clock.advance(500);
            const bool first = plan["network"] == story.first();
            if (fold == 0) return first ? 0.92 : 0.93;
            return fold == 2 ? 0.5 : first ? 0.92 : 0.7;
        };
        const Json job = story.run("regenerate", within(seconds));
        ASSERT_EQ(job["state"], "succeeded") << job.dump();
        const std::vector<int> cuts = story.cuts();
        if (std::ranges::count(cuts, 2) == 0) continue;
        ++ends;
        EXPECT_EQ(Looks::taken(job), story.first())
            << "of " << seconds << " s, after " << cuts.size() << " trainings, the last on cut "
            << cuts.back();
    }
    EXPECT_GE(ends, 4) << "the budget never ended among the looks at the hard cut";
}

// Validation is a fair sample, and small: one look of each leading plan comes before the last
// variations.
TEST(Looks, VariationsLeaveTimeToCompareThePlansThatLead) {
    int varied = 0;
    for (int seconds = 12; seconds <= 26; seconds += 2) {
        Looks story(12);
        story.stages.ofLook = [&](const Json& plan, int fold) {
            story.fake.clock.advance(500);
            const bool first = plan["network"] == story.first();
            return first ? 0.92 : fold == 0 ? 0.93 : 0.7;
        };
        const Json job = story.run("regenerate", within(seconds));
        ASSERT_EQ(job["state"], "succeeded") << job.dump();
        const std::vector<int> cuts = story.cuts();
        const auto firsts = std::ranges::count(cuts, 0);
        if (firsts <= 6) continue;  // the budget was spent on the search's first plans
        ++varied;
        EXPECT_GE(std::ranges::count(cuts, 1), 6) << "in " << seconds << " s " << firsts;
        EXPECT_EQ(Looks::taken(job), story.first()) << "in " << seconds << " s";
    }
    EXPECT_GE(varied, 4) << "no budget was long enough to vary a plan";
}

// Two cuts flatter the second plan and everything that sees the data as it does.
TEST(Looks, AnotherViewOfTheDataGoesOn) {
    Looks story(2);
    story.card()["windows"]["train"]["total"] = 5000;
    const auto seen = [&](std::size_t training) {
        return story.stages.trained.at(training)["plan"]["features"];
    };
    story.stages.ofLook = [&](const Json& plan, int fold) {
        if (plan["features"] == seen(0)) return 0.9;
        if (plan["features"] != seen(1)) return 0.5;
        return fold < 2 ? 0.95 : 0.6;
    };
    Json request = regenerate();
    request.erase("target");
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    const auto flattered = std::ranges::count_if(story.stages.trained, [&](const Json& input) {
        return input.value("fold", 0) == 1 && input["plan"]["features"] == seen(1);
    });
    EXPECT_GE(flattered, 4) << "too few to crowd the others out";
    EXPECT_EQ(Looks::taken(job), story.first());
}

Books booksOf(const std::vector<std::vector<double>>& looks) {
    Books books;
    for (const std::vector<double>& each : looks) {
        Candidate candidate;
        candidate.full = true;
        candidate.looks = each;
        books.candidates.push_back(candidate);
    }
    return books;
}

// The earlier of two plans is what usually wins.
TEST(Looks, ADifferenceWithinItsErrorIsNone) {
    struct Case {
        std::vector<double> later;
        bool wins;
    };
    const std::vector<double> earlier = {0.93, 0.91, 0.75, 0.92};
    const std::vector<Case> cases = {
        {{0.95, 0.88, 0.78, 0.93}, false},        // better by one point, give or take one
        {{0.95, 0.88, 0.78, 0.93, 0.95}, false},  // and once more without the other
        {{0.95, 0.93, 0.78, 0.94}, true},
        {{0.90, 0.90, 0.74, 0.91}, false},
    };
    for (const Case& each : cases) {
        Books books = booksOf({earlier, each.later});
        books.shared = earlier.size();
        const Candidate* best = bestOf(books, Goal());
        EXPECT_EQ(best - books.candidates.data(), each.wins ? 1 : 0) << each.later.back();
    }
    // Of two looks no error can be told.
    Books two = booksOf({{0.93, 0.91}, {0.95, 0.90}});
    two.shared = 2;
    EXPECT_EQ(bestOf(two, Goal()) - two.candidates.data(), 1);
}

// The second plan of the search falls behind in the looks, but its few looks go up and down so much
// that its distance from the best is within its error.
TEST(Looks, APlanThatFellBehindDoesNotComeBack) {
    Looks story(2);
    const std::vector<std::vector<double>> looks = {{0.94, 0.98, 0.97, 0.95, 0.97},
                                                    {0.97, 0.96, 0.95, 0.95, 0.97},
                                                    {0.93, 1.0, 0.99, 0.97, 1.0}};
    const auto planOf = [&](std::size_t n) { return story.stages.trained.at(n)["plan"]; };
    story.stages.ofLook = [&](const Json& plan, int fold) {
        for (std::size_t n = 0; n < std::min(looks.size(), story.stages.trained.size()); ++n) {
            if (plan == planOf(n)) return looks[n].at(static_cast<std::size_t>(fold));
        }
        return 0.5;
    };
    Json request = regenerate();
    request.erase("target");
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    const auto seconds = std::ranges::count_if(
        story.stages.trained, [&](const Json& input) { return input["plan"] == planOf(1); });
    EXPECT_EQ(seconds, 4) << "it fell behind after four looks";
    EXPECT_EQ(Looks::taken(job), planOf(2)["network"]);
}

// Trials that the budget cut short have one look each, at the same windows.
TEST(Looks, TrialsThatWereCutShortAreToldApartByTheirWindows) {
    for (const auto& [later, wins] : {std::pair(0.865, false), std::pair(0.875, true)}) {
        Books books = booksOf({{0.86}, {later}});
        for (Candidate& each : books.candidates) {
            each.plan.training.epochs = 20;
            each.choice.epochs = 5;
            each.choice.accuracy = each.looks[0];
            each.choice.lower90 = each.looks[0] - 0.01;  // some 2000 windows
        }
        EXPECT_EQ(bestOf(books, Goal()) - books.candidates.data(), wins ? 1 : 0) << later;
        books.candidates[1].choice.epochs = 20;
        EXPECT_EQ(bestOf(books, Goal()) - books.candidates.data(), 1) << "in full";
    }
    // What a second look refuted does not come back by its first.
    Books refuted = booksOf({{0.92, 0.70}, {0.88}});
    for (Candidate& each : refuted.candidates) {
        each.plan.training.epochs = 20;
        each.choice.accuracy = each.looks[0];
        each.choice.lower90 = each.looks[0] - 0.01;
    }
    EXPECT_EQ(bestOf(refuted, Goal()) - refuted.candidates.data(), 1);
}

TEST(Looks, APlanThatIsAlwaysRightLosesToNobody) {
    Looks story(2);
    story.stages.ofLook = [&](const Json& plan, int) {
        return plan["network"] == story.first() ? 1.0 : 0.9;
    };
    Json request = regenerate();
    request.erase("target");
    const Json job = story.run("regenerate", request);
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(Looks::taken(job), story.first());
    // Every look of a plan is on another cut.
    std::map<std::string, std::set<int>> seen;
    for (const Json& input : story.stages.trained) {
        if (input["parts"].size() != 1 || input.value("epochs_scale", 1.0) < 1) continue;
        EXPECT_TRUE(seen[input["plan"].dump()].insert(input.value("fold", 0)).second)
            << "twice on cut " << input.value("fold", 0);
    }
}

}  // namespace
}  // namespace tinsmith
