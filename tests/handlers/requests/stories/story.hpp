// A world of fakes in which whole jobs run.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "handlers/requests/registry.hpp"
#include "tests/handlers/requests/stories/fake_stages.hpp"

namespace tinsmith::testing {

struct Story {
    FakeWorld fake;
    FakeStages stages{fake};
    std::unique_ptr<Fleet> fleet;
    std::unique_ptr<Jobs> jobs;

    Story() { restart(); }

    void restart() {
        jobs.reset();
        fleet.reset();
        fleet = std::make_unique<Fleet>(fake.world);
        jobs = std::make_unique<Jobs>(fake.world);
        addStories(*jobs, *fleet);
        EXPECT_TRUE(fleet->start());
    }

    // The job's record after its end.
    Json run(const std::string& verb, const Json& request, const std::string& id = "j-1") {
        EXPECT_TRUE(fake.journal.commit({jobs->admit(id, verb, "ann", request)}));
        jobs->start(id);
        settle(id);
        return fake.journal.records.at({"job", id});
    }

    void settle(const std::string& id) {
        while (jobs->unfinished() > 0 && fake.clock.advanceToNext()) {
        }
        const std::string state = fake.journal.records.at({"job", id}).value("state", "");
        EXPECT_TRUE(state != "queued" && state != "running") << id << " is still " << state;
    }

    // The texts of a job's events of one kind.
    std::vector<std::string> events(const std::string& kind) {
        std::vector<std::string> texts;
        for (const auto& [key, value] : fake.journal.records) {
            if (key.first == "event" && value.value("kind", "") == kind)
                texts.push_back(value.value("text", ""));
        }
        return texts;
    }
};

// Runs a regenerate job, killed before and after each of its commits and resumed each time, in a
// world that `prepare` has set up, and hands each world to `check`. Returns how many commits there
// were.
template <class Prepare, class Check>
int killedAroundEveryCommit(const Json& request, Prepare prepare, Check check) {
    int commits = 0;
    {
        Story story;
        prepare(story);
        const int before = story.fake.journal.commits;
        EXPECT_EQ(story.run("regenerate", request)["state"], "succeeded");
        commits = story.fake.journal.commits - before;
    }
    for (int kill = 2; kill <= commits; ++kill) {
        for (const bool early : {true, false}) {
            SCOPED_TRACE("killed " + std::string(early ? "before" : "after") + " commit " +
                         std::to_string(kill));
            Story story;
            prepare(story);
            auto& journal = story.fake.journal;
            const int base = journal.commits;
            (early ? journal.beforeCommit : journal.afterCommit) = [&, kill](int n) {
                if (n - base == kill) journal.dead = story.fake.broker.dead = true;
            };
            EXPECT_TRUE(journal.commit({story.jobs->admit("j-1", "regenerate", "ann", request)}));
            story.jobs->start("j-1");
            while (!journal.dead && story.fake.clock.advanceToNext()) {
            }
            story.jobs.reset();
            story.fleet.reset();
            journal.beforeCommit = journal.afterCommit = nullptr;
            journal.dead = story.fake.broker.dead = false;
            story.restart();
            EXPECT_TRUE(story.jobs->resume());
            story.settle("j-1");
            check(story);
        }
    }
    return commits - 1;
}

inline Json regenerate(double target = 0.9) {
    return {{"id", "r-1"},
            {"model", "m"},
            {"dataset", "toy"},
            {"task", "tell a from b"},
            {"target", {{"accuracy", target}}},
            {"budget", {{"minutes", 1}}}};
}

}  // namespace tinsmith::testing
