// An acknowledged request is never lost and runs once.
#include "tests/handlers/requests/desk_fixture.hpp"

namespace tinsmith::testing {
namespace {

const std::string kRequest = R"({"id":"r-1","model":"m","dataset":"fruit"})";

TEST_F(DeskTest, TheSameRequestAgainIsTheSameJobAndReplyAlsoAfterARestart) {
    const Json first = ask("ada", "regenerate", kRequest);
    ASSERT_EQ(first.at("status"), "accepted");
    const std::string job = first.at("job");
    EXPECT_EQ(ask("ada", "regenerate", kRequest), first);
    restart();
    EXPECT_EQ(ask("ada", "regenerate", kRequest), first);
    finish();
    EXPECT_EQ(ask("ada", "regenerate", kRequest), first);
    EXPECT_EQ(count("job"), 1u);
    EXPECT_EQ((world.journal.records[{"job", job}]["state"]), "succeeded");
    EXPECT_EQ(begun[job], 2) << "once in each process";
    restart();
    EXPECT_EQ(begun[job], 2) << "an ended job does not run again";
    EXPECT_EQ(desk->health()["requests"]["repeated"], 0);
}

TEST_F(DeskTest, TheSameIdForSomethingElseIsAConflict) {
    (void)ask("ada", "regenerate", kRequest);
    EXPECT_EQ(codeOf(ask("ada", "regenerate", R"({"id":"r-1","model":"other","dataset":"fruit"})")),
              "conflict");
    EXPECT_EQ(codeOf(ask("ada", "regenerate", kRequest + " ")), "conflict") << "not the same bytes";
    EXPECT_EQ(codeOf(ask("ada", "retrain", kRequest)), "conflict") << "another verb";
    restart();
    EXPECT_EQ(codeOf(ask("ada", "regenerate", R"({"id":"r-1","model":"other","dataset":"fruit"})")),
              "conflict");
    EXPECT_EQ(count("job"), 1u);
}

TEST_F(DeskTest, RepeatsWithinOneBatchAreOneJob) {
    auto replies =
        askAll({request("ada", "regenerate", kRequest), request("ada", "regenerate", kRequest),
                request("ada", "regenerate", R"({"id":"r-1","model":"n","dataset":"fruit"})")});
    ASSERT_EQ(replies.size(), 3u);
    EXPECT_EQ(count("job"), 1u);
    int accepted = 0;
    int conflicts = 0;
    for (const Json& reply : replies) {
        accepted += reply.value("status", "") == "accepted" ? 1 : 0;
        conflicts += codeOf(reply) == "conflict" ? 1 : 0;
    }
    EXPECT_EQ(accepted, 2);
    EXPECT_EQ(conflicts, 1);
}

TEST_F(DeskTest, ABatchIsOneCommitAndRepliesComeAfterIt) {
    std::vector<Message> messages;
    for (int i = 0; i < 100; ++i) {
        messages.push_back(
            request("ada", "regenerate",
                    R"({"id":"r-)" + std::to_string(i) + R"(","model":"m","dataset":"fruit"})"));
    }
    int commits = 0;
    std::size_t sentBefore = 0;
    world.journal.beforeCommit = [&](int) {
        ++commits;
        for (const Publication& sent : world.broker.sent) {
            if (commits == 1 && sent.topic.starts_with("tinsmith/gw/response/")) ++sentBefore;
        }
    };
    const auto replies = askAll(messages);
    EXPECT_EQ(replies.size(), 100u);
    EXPECT_EQ(commits, 1);
    EXPECT_EQ(sentBefore, 0u);
    EXPECT_EQ(count("request"), 100u);
    EXPECT_EQ(jobs->unfinished(), 100u);
}

TEST_F(DeskTest, AFullDiskIsSaidAndNothingBegins) {
    world.journal.failWith = Error{Code::storage_full, "the disk is full", "free some space", ""};
    EXPECT_EQ(codeOf(ask("ada", "regenerate", kRequest)), "storage_full");
    EXPECT_EQ(jobs->unfinished(), 0u);
    EXPECT_TRUE(begun.empty());
    world.journal.failWith.reset();
    EXPECT_EQ(ask("ada", "regenerate", kRequest).at("status"), "accepted")
        << "the same id, once there is space";
}

TEST_F(DeskTest, KilledBeforeOrAfterItsCommitARequestRunsOnce) {
    for (const bool after : {false, true}) {
        world.journal.records.erase({"request", "ada/r-1"});
        world.broker.sent.clear();
        const auto die = [&](int) {
            world.journal.dead = true;
            world.broker.dead = true;
        };
        if (after)
            world.journal.afterCommit = die;
        else
            world.journal.beforeCommit = die;
        desk->receive({request("ada", "regenerate", kRequest)});
        EXPECT_TRUE(world.broker.to("tinsmith/gw/response/ada/regenerate").empty());
        world.journal.dead = world.broker.dead = false;
        world.journal.afterCommit = world.journal.beforeCommit = nullptr;
        const std::size_t jobsBefore = count("job");
        begun.clear();
        restart();
        EXPECT_EQ(begun.size(), after ? jobsBefore : 0u);
        EXPECT_EQ(ask("ada", "regenerate", kRequest).at("status"), "accepted");
        EXPECT_EQ(count("job"), after ? jobsBefore : jobsBefore + 1);
        if (!after) {
            const std::string job = world.journal.records[{"request", "ada/r-1"}]["job"];
            world.journal.records.erase({"job", job});
            restart();
        }
    }
}

TEST_F(DeskTest, WhatChangesSomethingIsRememberedAndNotDoneAgain) {
    const std::string drop = R"({"id":"d-1","action":"drop","dataset":"fruit"})";
    const Json dropped = ask("ada", "dataset", drop);
    ASSERT_EQ(dropped.at("status"), "ok");
    put("dataset", "fruit", {{"dataset", "fruit"}, {"bytes", 11}});
    restart();
    EXPECT_EQ(ask("ada", "dataset", drop), dropped);
    EXPECT_EQ(count("dataset"), 1u)
        << "a new dataset of that name is not dropped by the old request";
    EXPECT_EQ(codeOf(ask("ada", "dataset", R"({"id":"d-1","action":"list"})")), "conflict");
}

TEST_F(DeskTest, AJobCanBeCancelledInTheBatchThatMadeItKnown) {
    const Json accepted = ask("ada", "regenerate", kRequest);
    const std::string job = accepted.at("job");
    const Json cancelled =
        ask("ada", "job", R"({"id":"c-1","action":"cancel","job":")" + job + "\"}");
    EXPECT_EQ(cancelled.at("status"), "ok");
    EXPECT_EQ(ask("ada", "job", R"({"id":"c-1","action":"cancel","job":")" + job + "\"}"),
              cancelled);
}

TEST_F(DeskTest, ADeadlineDoesNotUndoWhatWasAccepted) {
    const std::string timed = R"({"id":"r-2","model":"m","dataset":"fruit","deadline":)" +
                              std::to_string(world.clock.unixMs() / 1000 + 60) + "}";
    const Json accepted = ask("ada", "regenerate", timed);
    ASSERT_EQ(accepted.at("status"), "accepted");
    world.clock.advance(120'000);
    EXPECT_EQ(ask("ada", "regenerate", timed), accepted);
}

}  // namespace
}  // namespace tinsmith::testing
