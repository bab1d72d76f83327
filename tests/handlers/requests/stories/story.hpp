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

inline Json regenerate(double target = 0.9) {
    return {{"id", "r-1"},
            {"model", "m"},
            {"dataset", "toy"},
            {"task", "tell a from b"},
            {"target", {{"accuracy", target}}},
            {"budget", {{"minutes", 1}}}};
}

}  // namespace tinsmith::testing
