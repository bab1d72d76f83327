// What fails on the way: the daemon, the broker, the device and the language model. Everything here
// is real, except that model.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "tests/e2e/released_model.hpp"
#include "tests/e2e/scripted_model.hpp"

namespace tinsmith::e2e {
namespace {

class Faults : public ReleasedModel {
  protected:
    void addDevice(const std::string& id, const std::string& sensor = "none") {
        device_ = id;
        DeviceOptions options;
        options.id = id;
        options.sensor = sensor;
        options.groups = {"group-of-" + id};
        ReleasedModel::addDevice(options);
    }
    std::string startRollout(int deadlineS) {
        const Json reply =
            requestRollout({{"group", "group-of-" + device_}, {"deadline_s", deadlineS}});
        EXPECT_EQ(reply.value("status", ""), "accepted") << reply.dump();
        return reply.value("job", "");
    }
    std::string running() { return ReleasedModel::running(device_); }

    std::string device_;
};

TEST_F(Faults, ThePowerFailsDuringTheDownload) {
    addDevice("dev-2");
    const std::string before = running();
    const std::string job = startRollout(120);
    ASSERT_TRUE(watcher_->awaitDownload(device_, 20000)) << house_->log(device_);
    house_->stopDevice(device_);
    EXPECT_EQ(running(), before);
    const std::size_t heard = watcher_->updates(device_).size();
    house_->startDevice(device_);
    const Json ended = client_->waitForJob(job, 90000);
    const auto& updates = watcher_->updates(device_);
    ASSERT_GT(updates.size(), heard);
    EXPECT_GT(updates[heard].percent, 0) << "it goes on where it was";
    ASSERT_EQ(stateOf(ended), "succeeded") << story(ended);
    EXPECT_TRUE(isAnImageOf(images(), running()));
}

TEST_F(Faults, ADeviceThatVanishesAbortsTheRolloutAndLives) {
    addDevice("dev-3", "motor:normal");
    const std::string before = running();
    const std::string job = startRollout(8);
    ASSERT_TRUE(watcher_->awaitDownload(device_, 20000)) << house_->log(device_);
    house_->stopDevice(device_);
    const Json ended = client_->waitForJob(job, 30000);
    EXPECT_EQ(stateOf(ended), "failed") << story(ended);
    EXPECT_EQ(codeOf(ended), "rollout_aborted") << story(ended);
    EXPECT_FALSE(ended.value("error", Json::object()).value("hint", "").empty());

    house_->startDevice(device_);
    const Json recorded = client_->runJob("dataset",
                                          {{"action", "record"},
                                           {"dataset", "alive"},
                                           {"device", device_},
                                           {"label", "normal"},
                                           {"seconds", 1},
                                           {"window", {{"length", 64}}},
                                           {"channels", {"x", "y", "z"}},
                                           {"rate_hz", 256}},
                                          60000);
    EXPECT_EQ(stateOf(recorded), "succeeded") << story(recorded);
    const std::string after = running();
    EXPECT_TRUE(after == before || isAnImageOf(images(), after)) << after;
}

TEST_F(Faults, TheDaemonIsKilledInEveryPartOfAJob) {
    addDevice("dev-4");
    Json request = learnBlobs("killed");
    request["id"] = "killed-1";
    request["rollout"] = {{"group", "group-of-dev-4"}, {"deadline_s", 120}};
    const Json reply = client_->request("regenerate", request);
    ASSERT_EQ(reply.value("status", ""), "accepted") << reply.dump();
    const std::string job = reply.value("job", "");
    for (const char* step : {"train", "fit", "quantize", "build", "preflight", "rollout"}) {
        SCOPED_TRACE(step);
        ASSERT_TRUE(watcher_->awaitStep(job, step, 60000)) << house_->log("daemon");
        house_->daemon().signal(SIGKILL);
        house_->daemon().wait(5000);
        ASSERT_NO_THROW(house_->startDaemon());
    }
    ASSERT_TRUE(watcher_->awaitDownload(device_, 30000));
    house_->daemon().signal(SIGKILL);
    house_->daemon().wait(5000);
    ASSERT_NO_THROW(house_->startDaemon());

    const Json ended = client_->waitForJob(job, 90000);
    ASSERT_EQ(stateOf(ended), "succeeded") << story(ended);
    EXPECT_TRUE(isAnImageOf(ended["result"]["images"], running())) << story(ended);
    EXPECT_TRUE(told(showJob(*client_, job), "resumed"));
    EXPECT_EQ(client_->request("regenerate", request), reply)
        << "the same request is still the same job";
    const Json listed = client_->request("job", {{"action", "list"}, {"limit", 100}});
    const Json list = listed.value(Json::json_pointer("/data/jobs"), Json::array());
    EXPECT_EQ(std::ranges::count_if(
                  list, [&](const Json& each) { return each.value("verb", "") == "regenerate"; }),
              2)
        << "the model of the suite and this one";
    const Json shown = client_->request("model", {{"action", "show"}, {"model", "killed"}});
    EXPECT_EQ(shown.value(Json::json_pointer("/data/versions"), Json::array()).size(), 1U)
        << shown.dump();
}

// ---- The language model
// -----------------------------------------------------------------------------------------------

class LlmFaults : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        model_ = new ScriptedModel();
        House::Options options;
        options.extraSettings = "[[llm]]\nurl = \"" + model_->url() +
                                "\"\nmodel = \"scripted\"\nretries = 1\ntimeout_s = 2\n"
                                "failures = 1000\n";
        house_ = new House(options);
        writeFile(house_->dataDir() / "blobs.csv", blobs(8));
        house_->client()->runJob("dataset", importBlobs("blobs", "blobs.csv"), 30000);
    }
    static void TearDownTestSuite() {
        delete house_;
        delete model_;
    }
    void SetUp() override { client_ = house_->client(); }
    void TearDown() override { model_->close(); }

    // The job succeeds whatever the model does. The target is beyond what so few validation windows
    // can prove, so that the built-in search alone does not end the work and the model is asked.
    Json succeed() {
        Json request = learnBlobs("planned");
        request["target"]["accuracy"] = 0.98;
        request["budget"] = {{"minutes", 1}};
        const Json job = client_->runJob("regenerate", request, 90000);
        EXPECT_EQ(stateOf(job), "succeeded") << job.dump(1) << house_->log("daemon");
        return showJob(*client_, job.value("job", ""));
    }

    static House* house_;
    static ScriptedModel* model_;
    std::unique_ptr<Client> client_;
};

House* LlmFaults::house_ = nullptr;
ScriptedModel* LlmFaults::model_ = nullptr;

TEST_F(LlmFaults, Down) {
    const Json job = succeed();
    EXPECT_TRUE(told(job, "planner", "scripted")) << job.dump(1);
    const Json health = client_->request("health", Json::object());
    EXPECT_NE(health.dump().find("\"code\":\"planner\""), std::string::npos) << health.dump(1);
}

TEST_F(LlmFaults, FailingInside) {
    ASSERT_TRUE(model_->open([](int) { return std::pair(500, std::string("out of memory")); }));
    const Json job = succeed();
    EXPECT_TRUE(told(job, "planner", "500")) << job.dump(1);
    EXPECT_EQ(model_->bodies().size(), 2U) << "the first attempt and one more";
}

TEST_F(LlmFaults, Slow) {
    ASSERT_TRUE(model_->open([](int) { return std::pair(0, std::string()); }));
    const Json job = succeed();
    EXPECT_TRUE(told(job, "planner")) << job.dump(1);
}

TEST_F(LlmFaults, TalkingNonsense) {
    ASSERT_TRUE(model_->open([](int) {
        return std::pair(200, ScriptedModel::saying("I think a large network {would} be [best"));
    }));
    const Json job = succeed();
    EXPECT_TRUE(told(job, "reply")) << job.dump(1);
    EXPECT_TRUE(told(job, "planner")) << job.dump(1);
}

TEST_F(LlmFaults, NoChatCompletionAtAll) {
    ASSERT_TRUE(
        model_->open([](int) { return std::pair(200, std::string("<html>welcome</html>")); }));
    EXPECT_TRUE(told(succeed(), "planner"));
}

// What tries to leave the cage is shown harmless, each alone, by daemon_hostile_code_test. Here a
// daemon hears it all, one after the other.
std::vector<ScriptedModel::Saying> hostileReplies() {
    const auto rule = [](const std::string& source) {
        const Json plan = {
            {"version", 1},
            {"reason", "Trust me."},
            {"features", {{{"block", "raw"}}}},
            {"network", {{{"layer", "flatten"}}, {{"layer", "dense"}, {"units", 5}}}},
            {"training", {{"epochs", 5}}},
            {"code", {{"decision", {{"source", source}}}}}};
        return ScriptedModel::Saying{plan.dump()};
    };
    const std::string head =
        "int tinsmith_decide(const float *scores, int classes, float *memory) {\n";
    std::string bomb = "#define A0 1+1\n";
    for (int i = 1; i < 40; ++i) {
        const std::string last = "A" + std::to_string(i - 1);
        bomb += "#define A" + std::to_string(i) + " " + last + "+" + last + "+" + last + "\n";
    }
    return {{"{\"version\":1,\"reason\":\"", true},
            {std::string(1 << 20, '[')},
            {"{\"version\":1,\"training\":{\"learning_rate\":NaN,\"epochs\":1e999}}"},
            {"\xff\xfe\xc0\xaf{\"version\":1,\"reason\":\"\xed\xa0\x80\"}"},
            rule("#include \"/etc/passwd\"\n" + head + "  return 0;\n}\n"),
            rule("__asm__(\".incbin \\\"/etc/passwd\\\"\");\n" + head + "  return 0;\n}\n"),
            rule("int fork(void);\n" + head + "  for (;;) fork();\n}\n"),
            rule(head + "  for (;;) memory[0] += scores[0];\n}\n"),
            rule("static float big[1 << 28];\n" + head +
                 "  big[(int)(scores[0] * 9)] = 1;\n  return (int)big[1];\n}\n"),
            rule(bomb + head + "  return A39;\n}\n"),
            rule(head + "  return *(int *)(long)(scores[0] * 1e6f);\n}\n"),
            rule(head + "  return tinsmith_decide(scores, classes + 1, memory) + 1;\n}\n")};
}

long residentKb(pid_t process) {
    return statusValue("/proc/" + std::to_string(process) + "/status", "VmRSS");
}

TEST_F(LlmFaults, HostileRepliesEndNoJobAndFillNoMemory) {
    const std::vector<ScriptedModel::Saying> replies = hostileReplies();
    std::atomic<std::size_t> heard = 0;  // by the model's thread
    ASSERT_TRUE(model_->converse([&](const Json&) { return replies[heard++ % replies.size()]; }));
    succeed();
    const long before = residentKb(house_->daemon().pid());
    ASSERT_GT(before, 0);
    while (heard < 2 * replies.size()) {
        const std::size_t then = heard;
        const Json job = succeed();
        EXPECT_TRUE(told(job, "reply")) << job.dump(1);
        ASSERT_GT(heard, then) << "the model was not asked";
    }
    const long after = residentKb(house_->daemon().pid());
    std::printf("%zu replies heard, %ld KB resident before, %ld KB after\n", heard.load(), before,
                after);
    EXPECT_LE(after - before, 4096) << "KB more than the " << before << " KB before";
    EXPECT_EQ(client_->request("health", Json::object()).value("status", ""), "ok");
}

TEST_F(LlmFaults, AnUnknownLayerIsRepairedWithItsPath) {
    Json plan = {
        {"version", 1},
        {"reason", "the colours are separable"},
        {"features", {{{"block", "raw"}}}},
        {"network", {{{"layer", "flatten"}}, {{"layer", "dense"}, {"units", 16}, {"relu", true}}}},
        {"training", {{"epochs", 60}, {"batch_size", 16}, {"learning_rate", 0.01}}}};
    Json wrong = plan;
    wrong["network"][1] = {{"layer", "transformer"}, {"heads", 4}};
    ASSERT_TRUE(model_->open([&](int n) {
        return std::pair(
            200, ScriptedModel::saying("Here is the plan:\n" + (n == 0 ? wrong : plan).dump()));
    }));
    const Json job = succeed();
    EXPECT_TRUE(told(job, "reply")) << job.dump(1);
    EXPECT_TRUE(told(job, "plan", "the colours are separable")) << job.dump(1);
    const auto bodies = model_->bodies();
    ASSERT_GE(bodies.size(), 2U);
    EXPECT_NE(bodies[1].find("/network/1"), std::string::npos)
        << "the repair names the fault's path: " << bodies[1];
}

}  // namespace
}  // namespace tinsmith::e2e
