// A job is cancelled in each of its steps: it ends at once, with its children, and leaves nothing
// half done. A scripted language model makes the plans, small ones, so that a whole job takes a few
// seconds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handlers/flow/digest.hpp"
#include "tests/e2e/released_model.hpp"
#include "tests/e2e/scripted_model.hpp"
#include "tests/e2e/slow_link.hpp"

namespace tinsmith::e2e {
namespace {

namespace fs = std::filesystem;

constexpr int kFast = 10'000'000;
constexpr int kSlow = 20'000;

std::string smallPlan() {
    const Json plan = {
        {"version", 1},
        {"reason", "small and quick"},
        {"features", {{{"block", "raw"}}}},
        {"network", {{{"layer", "flatten"}}, {{"layer", "dense"}, {"units", 8}, {"relu", true}}}},
        {"training", {{"epochs", 30}, {"batch_size", 16}, {"learning_rate", 0.01}}}};
    return ScriptedModel::saying(plan.dump());
}

// Few trainings, because the network is fixed; and a target beyond what so few validation windows
// can prove, so that the model is asked.
Json learn() {
    return {
        {"model", "small"},
        {"dataset", "blobs"},
        {"seed", 3},
        {"plan",
         {{"features", {{{"block", "raw"}}}}, {"network", {{{"layer", "dense"}, {"units", 8}}}}}},
        {"target", {{"accuracy", 0.98}}},
        {"budget", {{"minutes", 1}}},
        {"rollout", {{"group", "shelf"}, {"deadline_s", 120}}}};
}

class Cancel : public testing::Test {
  protected:
    static House::Options withModel(const ScriptedModel& model) {
        House::Options options;
        options.extraSettings = "[[llm]]\nurl = \"" + model.url() +
                                "\"\nmodel = \"scripted\"\nretries = 0\ntimeout_s = 60\n";
        return options;
    }
    void SetUp() override {
        client_ = house_.client();
        watcher_ = std::make_unique<Watcher>(house_, *client_);
        ASSERT_TRUE(model_.open([this](int) {
            return silent_ ? std::pair(0, std::string()) : std::pair(200, smallPlan());
        }));
        importRows(8);
        DeviceOptions device;
        device.id = "dev-1";
        device.groups = {"shelf"};
        device.port = link_.port();
        house_.addDevice(device, *client_);
    }
    void TearDown() override { watcher_.reset(); }

    void importRows(int rows) {
        writeFile(house_.dataDir() / "blobs.csv", blobs(rows));
        const Json job = client_->runJob("dataset", importBlobs("blobs", "blobs.csv"), 30000);
        ASSERT_EQ(stateOf(job), "succeeded") << job.dump(1);
    }
    // Starts a job, cancels it as soon as `step` has begun, and looks at what is left of it. The
    // job's final state.
    Json cancelIn(const std::string& step, const std::string& verb, const Json& request) {
        const Json reply = client_->request(verb, request);
        const std::string id = reply.value("job", "");
        EXPECT_TRUE(watcher_->awaitBegun(id, step, 120000)) << reply << house_.log("daemon");
        const Json answer = client_->request("job", {{"action", "cancel"}, {"job", id}});
        const Json job = client_->waitForJob(id, 60000);
        EXPECT_THAT(children(), testing::IsEmpty());
        // The last steps take no time: then the job has succeeded and the answer says so.
        const bool late = codeOf(answer) == "conflict";
        EXPECT_EQ(stateOf(job), late ? "succeeded" : "cancelled") << answer << job.dump(1);
        EXPECT_EQ(answer.value("status", ""), late ? "error" : "ok") << answer;
        expectNothingHalf(id);
        return job;
    }
    // A device may be vouched for at any moment: signing is no part of the job.
    std::vector<std::string> children() {
        std::vector<std::string> names = childrenOf(house_.daemon().pid());
        std::erase_if(names, [](const std::string& name) {
            return name.find("tinsmith-sign") != std::string::npos;
        });
        return names;
    }
    void expectNothingHalf(const std::string& job) const {
        const fs::path state = house_.folder() / "state";
        EXPECT_FALSE(fs::exists(state / "jobs" / job));
        for (const auto& entry : fs::directory_iterator(state / "artefacts")) {
            EXPECT_EQ(entry.path().filename().string(), sha256Hex(readText(entry.path())));
        }
    }

    ScriptedModel model_;
    House house_{withModel(model_)};
    SlowLink link_{house_.port(), kFast};
    std::atomic<bool> silent_ = false;
    std::unique_ptr<Client> client_;
    std::unique_ptr<Watcher> watcher_;
};

TEST_F(Cancel, InEveryStepOfARegenerateWithItsRollout) {
    const Json first = client_->runJob("regenerate", learn(), 120000);
    ASSERT_EQ(stateOf(first), "succeeded") << first.dump(1) << house_.log("daemon");
    importRows(9);  // other windows: the running version has to be compared on them
    const Json whole = client_->runJob("regenerate", learn(), 120000);
    ASSERT_EQ(stateOf(whole), "succeeded") << whole.dump(1) << house_.log("daemon");
    std::vector<std::string> steps;
    const Json shown = showJob(*client_, whole.value("job", ""));
    for (const Json& done : at(shown, "/steps")) {
        const std::string name = done.value("step", "");
        if (std::ranges::find(steps, name) == steps.end()) steps.push_back(name);
    }
    // Those that are still running when the request to cancel arrives.
    const std::vector<std::string> lasting = {"ask",       "train",   "fit",    "build",
                                              "preflight", "compare", "rollout"};
    EXPECT_THAT(steps, testing::IsSupersetOf(lasting));
    importRows(10);

    for (const std::string& step : steps) {
        SCOPED_TRACE(step);
        silent_ = step == "ask";
        link_.setRate(step == "current" ? kFast : kSlow);
        const Json job = cancelIn(step, "regenerate", learn());
        if (std::ranges::find(lasting, step) != lasting.end()) {
            EXPECT_THAT(textOf(job, "message"), testing::HasSubstr("in step " + step));
        }
        if (step == "rollout") {
            const std::string topic = house_.root() + "/rollout/r-" + job.value("job", "");
            client_->subscribe(topic);
            EXPECT_TRUE(client_->waitFor(
                [&] {
                    return client_->last[topic].find("\"state\":\"cancelled\"") !=
                           std::string::npos;
                },
                5000))
                << client_->last[topic];
        }
    }
    link_.setRate(kFast);
    const Json after = client_->runJob("regenerate", learn(), 180000);
    EXPECT_EQ(stateOf(after), "succeeded") << after.dump(1) << house_.log("daemon");
    EXPECT_TRUE(isAnImageOf(at(after, "/result/images"),
                            House::device(*client_, "dev-1").value("running", "")));
}

TEST_F(Cancel, WhatWaitsAndOtherVerbs) {
    Json made = learn();
    made.erase("rollout");
    ASSERT_EQ(stateOf(client_->runJob("regenerate", made, 60000)), "succeeded");
    // One that has the heavy place, and one that waits for it.
    silent_ = true;
    ASSERT_EQ(codeOf(cancelIn("ask", "regenerate", made)), "cancelled");
    silent_ = false;
    Json endless = made;
    endless["target"]["accuracy"] = 1.0;
    const std::string holder = client_->request("regenerate", endless)["job"];
    ASSERT_TRUE(watcher_->awaitBegun(holder, "train", 30000));
    const std::string waits = client_->request("requantize", {{"model", "small"}})["job"];
    const std::string topic = house_.root() + "/job/" + waits;
    client_->subscribe(topic);
    ASSERT_TRUE(client_->waitFor(
        [&] { return client_->last[topic].find("waits for job") != std::string::npos; }, 10000));
    client_->request("job", {{"action", "cancel"}, {"job", waits}});
    EXPECT_EQ(stateOf(client_->waitForJob(waits, 10000)), "cancelled");
    client_->request("job", {{"action", "cancel"}, {"job", holder}});
    EXPECT_EQ(stateOf(client_->waitForJob(holder, 10000)), "cancelled");
    EXPECT_THAT(children(), testing::IsEmpty());

    writeFile(house_.dataDir() / "many.csv", blobs(4000));
    const Json imported = cancelIn("import", "dataset", importBlobs("many", "many.csv"));
    EXPECT_EQ(stateOf(imported), "cancelled");
    EXPECT_EQ(codeOf(client_->request("dataset", {{"action", "info"}, {"dataset", "many"}})),
              "unknown_dataset");
    const Json recorded = cancelIn("record", "dataset",
                                   {{"action", "record"},
                                    {"dataset", "recorded"},
                                    {"device", "dev-1"},
                                    {"label", "quiet"},
                                    {"seconds", 60},
                                    {"window", {{"length", 64}}},
                                    {"channels", {"x", "y", "z"}},
                                    {"rate_hz", 256}});
    EXPECT_EQ(stateOf(recorded), "cancelled");
    link_.setRate(kSlow);
    const Json rolled = cancelIn("rollout", "rollout",
                                 {{"action", "start"}, {"model", "small"}, {"group", "shelf"}});
    EXPECT_EQ(stateOf(rolled), "cancelled");
}

}  // namespace
}  // namespace tinsmith::e2e
