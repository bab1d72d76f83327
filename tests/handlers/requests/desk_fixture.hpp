// A desk over fakes: messages in, replies out, and restarts that keep only the journal and the
// files.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "handlers/requests/desk.hpp"
#include "handlers/requests/presence.hpp"
#include "tests/fakes/fake_world.hpp"

namespace tinsmith::testing {

class DeskTest : public ::testing::Test {
  protected:
    DeskTest() {
        world.settings.askers["ada"] = {{"*"}};
        world.settings.askers["bob"] = {{"job", "dataset.list", "regenerate"}};
        world.settings.quotas.reserveBytes = 0;
        world.settings.firmwareDir = world.folder.path() / "firmware";
        const auto board = world.settings.firmwareDir / "boards" / "mps2-an386";
        std::filesystem::create_directories(board);
        std::ofstream(board / "board.toml") << "name = \"mps2-an386\"\n";
        put("dataset", "fruit",
            {{"dataset", "fruit"},
             {"digest", std::string(64, 'd')},
             {"bytes", 10},
             {"card", {{"classes", {"a", "b"}}}},
             {"updated", 1}});
        put("model", "m", {{"model", "m"}, {"current", 2}, {"latest", 2}, {"dataset", "fruit"}});
        put("version", "m/000002", {{"model", "m"}, {"version", 2}, {"metrics", {{"test", 0.9}}}});
        put("model", "other", {{"model", "other"}, {"current", 1}, {"latest", 1}});
        put("version", "other/000001",
            {{"model", "other"}, {"version", 1}, {"origin", {{"kind", "imported"}}}});
        restart();
    }

    void put(const std::string& kind, const std::string& key, Json value) {
        world.journal.records[{kind, key}] = std::move(value);
    }

    // A new process: nothing but the journal and the files is left.
    void restart() {
        desk.reset();
        jobs.reset();
        fleet.reset();
        jobs = std::make_unique<Jobs>(world.world);
        fleet = std::make_unique<Fleet>(world.world);
        for (const char* verb :
             {"regenerate", "retrain", "requantize", "rollout", "dataset", "model"}) {
            jobs->add(verb, [this](Job& job) { return story(job); });
        }
        desk = std::make_unique<Desk>(world.world, *jobs, *fleet);
        ASSERT_TRUE(countBoot(world.journal));
        ASSERT_TRUE(desk->start());
        ASSERT_TRUE(jobs->resume());
        ASSERT_TRUE(fleet->start());
    }

    // Waits for `finish` unless that was called before.
    virtual Task<Result<Json>> story(Job& job) {
        ++begun[job.id()];
        if (!finished) {
            const Completion<bool> end;
            waiting.push_back(end);
            const auto registration = job.token().onCancel([end] { end.set(false); });
            const bool ok = co_await end;
            if (!ok) co_return fail(Code::cancelled, "the story was cancelled");
        }
        co_return Json{{"done", true}};
    }
    void finish() {
        finished = true;
        for (const auto& end : std::exchange(waiting, {})) end.set(true);
    }

    static Message request(const std::string& asker, const std::string& verb, std::string payload) {
        Message message;
        message.topic = "tinsmith/gw/request/" + asker + "/" + verb;
        message.payload = std::move(payload);
        return message;
    }

    // The reply to one request, from wherever it was sent.
    Json ask(const Message& message) {
        const auto replies = askAll({message});
        EXPECT_EQ(replies.size(), 1u);
        return replies.empty() ? Json() : replies.front();
    }
    Json ask(const std::string& asker, const std::string& verb, const std::string& payload) {
        return ask(request(asker, verb, payload));
    }
    std::vector<Json> askAll(std::vector<Message> messages) {
        const std::size_t before = world.broker.sent.size();
        desk->receive(std::move(messages));
        std::vector<Json> replies;
        for (std::size_t i = before; i < world.broker.sent.size(); ++i) {
            const Publication& sent = world.broker.sent[i];
            if (!sent.topic.starts_with("tinsmith/gw/response/")) continue;
            lastTopic = sent.topic;
            lastCorrelation = sent.correlation;
            EXPECT_FALSE(sent.retain);
            replies.push_back(Json::parse(sent.payload));
        }
        return replies;
    }
    static std::string codeOf(const Json& reply) {
        return reply.contains("error") ? reply["error"].value("code", "") : "";
    }
    std::size_t count(const std::string& kind) const {
        std::size_t found = 0;
        for (const auto& [key, value] : world.journal.records) found += key.first == kind ? 1 : 0;
        return found;
    }

    FakeWorld world;
    std::vector<Completion<bool>> waiting;
    bool finished = false;
    std::map<std::string, int> begun;
    std::string lastTopic;
    std::string lastCorrelation;
    std::unique_ptr<Jobs> jobs;
    std::unique_ptr<Fleet> fleet;
    std::unique_ptr<Desk> desk;
};

}  // namespace tinsmith::testing
