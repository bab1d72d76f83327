// What fails on the way: the daemon, the broker, the device and the language model. Everything here
// is real, except that model.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "firmware/wire/messages.hpp"
#include "tests/e2e/house.hpp"
#include "tests/e2e/scripted_model.hpp"
#include "tests/e2e/synthetic.hpp"

namespace tinsmith::e2e {
namespace {

std::string stateOf(const Json& job) {
    return job.is_object() ? job.value("state", "none") : "none";
}

std::string codeOf(const Json& json) {
    return json.is_object() ? json.value("error", Json::object()).value("code", "no error")
                            : "no reply";
}

Json regenerate(const std::string& model) {
    return {{"model", model},
            {"dataset", "blobs"},
            {"seed", 3},
            {"target", {{"accuracy", 0.6}}},
            {"budget", {{"minutes", 5}}}};
}

bool isAnImageOf(const Json& images, const std::string& digest) {
    return !digest.empty() && std::ranges::any_of(images, [&](const Json& image) {
        return image.value("digest", "") == digest;
    });
}

// Follows the jobs' stories and the devices' updates.
class Watcher {
  public:
    Watcher(const House& house, Client& client) : root_(house.root()), client_(client) {
        client_.onMessage = [this](const std::string& topic, const std::string& payload) {
            take(topic, payload);
        };
        client_.subscribe(root_ + "/job/+/log");
        client_.subscribe(root_ + "/device/+/update");
    }
    ~Watcher() { client_.onMessage = nullptr; }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // Waits until a job's step begins after this call.
    bool awaitStep(const std::string& job, const std::string& step, int ms) {
        begun_.erase(job + " " + step);
        return client_.waitFor([&] { return begun_.contains(job + " " + step); }, ms);
    }
    // Waits until the device has said that it is in the middle of a download.
    bool awaitDownload(const std::string& device, int ms) {
        return client_.waitFor(
            [&] {
                const auto& said = updates_[device];
                return !said.empty() && said.back().state == wire::UpdateState::downloading &&
                       said.back().percent > 0;
            },
            ms);
    }
    // What a device has said of its updates.
    std::vector<wire::Update>& updates(const std::string& device) { return updates_[device]; }

  private:
    void take(const std::string& topic, const std::string& payload) {
        if (topic.ends_with("/log")) {
            const Json event = Json::parse(payload, nullptr, false);
            if (event.is_object() && event.value("kind", "") == "step") {
                begun_[event.value("job", "") + " " + event.value("text", "")] = true;
            }
        } else if (topic.ends_with("/update")) {
            const std::string prefix = root_ + "/device/";
            wire::Update update;
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
            if (!wire::decode({bytes, payload.size()}, update)) return;
            updates_[topic.substr(prefix.size(), topic.size() - prefix.size() - 7)].push_back(
                update);
        }
    }

    std::string root_;
    Client& client_;
    std::map<std::string, bool> begun_;
    std::map<std::string, std::vector<wire::Update>> updates_;
};

// One Tinsmith with a released model for all rollouts here; each test has a device and a group of
// its own.
class Faults : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        house_ = new House();
        writeFile(house_->dataDir() / "blobs.csv", blobs(8));
        const auto client = house_->client();
        client->runJob("dataset", importBlobs("blobs", "blobs.csv"), 30000);
        made_ = client->runJob("regenerate", regenerate("colours"), 120000);
    }
    static void TearDownTestSuite() {
        delete house_;
        house_ = nullptr;
    }
    void SetUp() override {
        client_ = house_->client();
        watcher_ = std::make_unique<Watcher>(*house_, *client_);
        ASSERT_EQ(stateOf(made_), "succeeded") << made_.dump(1) << house_->log("daemon");
    }
    void TearDown() override {
        watcher_.reset();
        if (!device_.empty()) house_->stopDevice(device_);
    }

    void addDevice(const std::string& id, const std::string& sensor = "none") {
        device_ = id;
        DeviceOptions options;
        options.id = id;
        options.sensor = sensor;
        options.groups = {"group-of-" + id};
        house_->addDevice(options, *client_);
    }
    std::string startRollout(int deadlineS) {
        const Json reply = client_->request("rollout", {{"action", "start"},
                                                        {"model", "colours"},
                                                        {"version", 1},
                                                        {"group", "group-of-" + device_},
                                                        {"deadline_s", deadlineS}});
        EXPECT_EQ(reply.value("status", ""), "accepted") << reply.dump();
        return reply.value("job", "");
    }
    // Of version 1, as it was signed last.
    Json images() {
        const Json reply =
            client_->request("model", {{"action", "show"}, {"model", "colours"}, {"version", 1}});
        return reply.value(Json::json_pointer("/data/version/images"), Json::array());
    }
    std::string running() {
        const Json device = House::device(*client_, device_);
        return device.is_object() ? device.value("running", "") : "";
    }
    // What is wrong, for a message.
    std::string story(const Json& job) {
        return job.dump(1) + "\n" + house_->log("daemon") + "\n" + house_->log(device_);
    }

    static House* house_;
    static Json made_;
    std::unique_ptr<Client> client_;
    std::unique_ptr<Watcher> watcher_;
    std::string device_;
};

House* Faults::house_ = nullptr;
Json Faults::made_;

TEST_F(Faults, TheBrokerGoesAwayDuringTheDownload) {
    addDevice("dev-1");
    const std::string job = startRollout(120);
    ASSERT_TRUE(watcher_->awaitDownload(device_, 20000)) << house_->log(device_);
    house_->stopBroker();
    ::sleep(4);  // an absence has no event
    house_->startBroker();
    const Json ended = client_->waitForJob(job, 90000);
    ASSERT_EQ(stateOf(ended), "succeeded") << story(ended);
    EXPECT_TRUE(isAnImageOf(images(), running()));
}

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
    Json request = regenerate("killed");
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

// What a stolen credential of the gateway could publish: without the signing key a device takes
// none of it.
TEST_F(Faults, ForgedAndReplayedOffersAreRefused) {
    addDevice("dev-5");
    const auto thief = house_->client("tinsmith");
    const std::string topic = house_->root() + "/device/dev-5/offer";
    thief->subscribe(topic);
    ASSERT_EQ(stateOf(client_->waitForJob(startRollout(120), 60000)), "succeeded");
    ASSERT_TRUE(thief->waitFor([&] { return thief->last.contains(topic); }, 5000));
    const std::string first = thief->last[topic];

    // A newer version, so that the first offer is an old one of an image that does not run.
    const Json made = client_->runJob(
        "requantize", {{"model", "colours"}, {"version", 1}, {"windows", 64}}, 90000);
    ASSERT_EQ(stateOf(made), "succeeded") << made.dump(1);
    const Json rolled = client_->runJob("rollout",
                                        {{"action", "start"},
                                         {"model", "colours"},
                                         {"version", 2},
                                         {"group", "group-of-dev-5"},
                                         {"deadline_s", 120}},
                                        60000);
    ASSERT_EQ(stateOf(rolled), "succeeded") << story(rolled);
    const std::string now = running();
    ASSERT_TRUE(isAnImageOf(made["result"]["images"], now));

    std::string broken = first;
    broken[broken.size() / 2] = static_cast<char>(broken[broken.size() / 2] ^ 1);
    const std::vector<std::pair<std::string, wire::Reason>> forgeries = {
        {first, wire::Reason::replayed},
        {broken, wire::Reason::bad_signature},
        {"no offer at all", wire::Reason::bad_message},
        {std::string(1000, '\x9f'), wire::Reason::bad_message},
    };
    thief->publish(
        topic, std::string(60'000, 'x'));  // more than a device takes: it stays up for what follows
    for (const auto& [payload, reason] : forgeries) {
        SCOPED_TRACE(std::string(name(reason)));
        std::vector<wire::Update>& said = watcher_->updates(device_);
        said.clear();
        thief->publish(topic, payload);
        thief->waitFor([] { return false; }, 50);  // sends it
        ASSERT_TRUE(client_->waitFor([&] { return !said.empty(); }, 10000));
        EXPECT_EQ(said.back().state, wire::UpdateState::refused);
        EXPECT_EQ(name(said.back().reason), name(reason));
    }
    EXPECT_EQ(running(), now);
}

// ---- The language model
// -----------------------------------------------------------------------------------------------

class LlmFaults : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        model_ = new ScriptedModel();
        House::Options options;
        options.extraSettings = "[llm]\nurl = \"" + model_->url() +
                                "\"\nmodel = \"scripted\"\nretries = 1\ntimeout_s = 2\n";
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

    // The job succeeds whatever the model does; `planner` made the plan.
    Json succeed(const std::string& planner) {
        const Json job = client_->runJob("regenerate", regenerate("planned"), 90000);
        EXPECT_EQ(stateOf(job), "succeeded") << job.dump(1) << house_->log("daemon");
        const Json who = job.value(Json::json_pointer("/result/origin/planner"), Json());
        EXPECT_EQ(who, planner) << job.dump(1);
        return showJob(*client_, job.value("job", ""));
    }

    static House* house_;
    static ScriptedModel* model_;
    std::unique_ptr<Client> client_;
};

House* LlmFaults::house_ = nullptr;
ScriptedModel* LlmFaults::model_ = nullptr;

TEST_F(LlmFaults, Down) {
    const Json job = succeed("search");
    EXPECT_TRUE(told(job, "planner", "scripted")) << job.dump(1);
    const Json health = client_->request("health", Json::object());
    EXPECT_NE(health.dump().find("\"code\":\"planner\""), std::string::npos) << health.dump(1);
}

TEST_F(LlmFaults, FailingInside) {
    ASSERT_TRUE(model_->open([](int) { return std::pair(500, std::string("out of memory")); }));
    const Json job = succeed("search");
    EXPECT_TRUE(told(job, "planner", "500")) << job.dump(1);
    EXPECT_EQ(model_->bodies().size(), 2U) << "the first attempt and one more";
}

TEST_F(LlmFaults, Slow) {
    ASSERT_TRUE(model_->open([](int) { return std::pair(0, std::string()); }));
    const Json job = succeed("search");
    EXPECT_TRUE(told(job, "planner")) << job.dump(1);
}

TEST_F(LlmFaults, TalkingNonsense) {
    ASSERT_TRUE(model_->open([](int) {
        return std::pair(200, ScriptedModel::saying("I think a large network {would} be [best"));
    }));
    const Json job = succeed("search");
    EXPECT_TRUE(told(job, "reply")) << job.dump(1);
    EXPECT_TRUE(told(job, "planner")) << job.dump(1);
}

TEST_F(LlmFaults, NoChatCompletionAtAll) {
    ASSERT_TRUE(
        model_->open([](int) { return std::pair(200, std::string("<html>welcome</html>")); }));
    EXPECT_TRUE(told(succeed("search"), "planner"));
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
    const Json job = succeed("scripted");
    EXPECT_TRUE(told(job, "reply")) << job.dump(1);
    EXPECT_TRUE(told(job, "plan", "the colours are separable")) << job.dump(1);
    const auto bodies = model_->bodies();
    ASSERT_GE(bodies.size(), 2U);
    EXPECT_NE(bodies[1].find("/network/1"), std::string::npos)
        << "the repair names the fault's path: " << bodies[1];
}

}  // namespace
}  // namespace tinsmith::e2e
