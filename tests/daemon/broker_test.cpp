#include "daemon/broker.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <thread>

#include "tests/daemon/mosquitto_process.hpp"

namespace tinsmith::daemon {
namespace {

const std::string kRoot = "tinsmith/gateway";

#define NEEDS_MOSQUITTO() \
    if (!MosquittoProcess::installed()) GTEST_SKIP() << "mosquitto is not installed"

BrokerOptions optionsFor(const MosquittoProcess& server) {
    BrokerOptions options;
    options.port = server.port();
    options.user = "tinsmith";
    options.password = "tinsmith";
    options.retryMs = 50;
    options.retryMaxMs = 200;
    options.subscriptions = {kRoot + "/request/+/+", kRoot + "/device/+/+"};
    options.willTopic = kRoot + "/state";
    options.will = R"({"state":"offline"})";
    return options;
}

class BrokerTest : public testing::Test {
  protected:
    void SetUp() override {
        NEEDS_MOSQUITTO();
        server_ = std::make_unique<MosquittoProcess>(
            std::vector<std::string>{"tinsmith", "alice", "bob", "dev-1", "dev-2"});
    }
    std::unique_ptr<MosquittoBroker> connect(const BrokerOptions& options) {
        auto broker = std::make_unique<MosquittoBroker>(loop_, options);
        broker->setConsumer([this](std::vector<Message> batch) {
            ++batches_;
            for (auto& message : batch) got_.push_back(std::move(message));
        });
        broker->start();
        EXPECT_TRUE(turnUntil(loop_, [&] { return broker->connected(); })) << broker->status();
        return broker;
    }

    Loop loop_;
    std::unique_ptr<MosquittoProcess> server_;
    std::vector<Message> got_;
    int batches_ = 0;
};

TEST_F(BrokerTest, RequestAndReplyWithTheirProperties) {
    auto broker = connect(optionsFor(*server_));
    PlainClient alice(server_->port(), "alice", "alice");
    ASSERT_TRUE(alice.connected());
    alice.subscribe(kRoot + "/response/alice/#");
    EXPECT_EQ(alice.publish(kRoot + "/request/alice/health", "{}", false,
                            kRoot + "/response/alice/mine", "cookie", 60),
              0);
    ASSERT_TRUE(turnUntil(loop_, [&] { return got_.size() == 1; }));
    EXPECT_EQ(got_[0].topic, kRoot + "/request/alice/health");
    EXPECT_EQ(got_[0].responseTopic, kRoot + "/response/alice/mine");
    EXPECT_EQ(got_[0].correlation, "cookie");
    EXPECT_FALSE(got_[0].retained);
    ASSERT_TRUE(got_[0].expirySeconds.has_value());
    EXPECT_LE(*got_[0].expirySeconds, 60u);
    broker->publish({.topic = got_[0].responseTopic,
                     .payload = R"({"status":"ok"})",
                     .correlation = got_[0].correlation});
    const auto* reply = alice.waitFor(kRoot + "/response/alice/mine", &loop_);
    ASSERT_NE(reply, nullptr);
    EXPECT_EQ(reply->correlation, "cookie");
    EXPECT_TRUE(turnUntil(loop_, [&] { return broker->queued() == 0; }));
}

TEST_F(BrokerTest, RetainedRequestsShowAsSuch) {
    auto broker = connect(optionsFor(*server_));
    PlainClient alice(server_->port(), "alice", "alice");
    EXPECT_EQ(alice.publish(kRoot + "/request/alice/health", "{}", true), 0);
    ASSERT_TRUE(turnUntil(loop_, [&] { return got_.size() == 1; }));
    EXPECT_TRUE(got_[0].retained);
}

TEST_F(BrokerTest, OwnPublicationsDoNotComeBack) {
    auto broker = connect(optionsFor(*server_));
    broker->publish({.topic = kRoot + "/device/dev-1/command",
                     .payload = "x",
                     .correlation = {},
                     .json = false});
    ASSERT_TRUE(turnUntil(loop_, [&] { return broker->queued() == 0; }));
    PlainClient device(server_->port(), "dev-1", "dev-1");
    EXPECT_EQ(device.publish(kRoot + "/device/dev-1/hello", "h", true), 0);
    ASSERT_TRUE(turnUntil(loop_, [&] { return !got_.empty(); }));
    EXPECT_EQ(got_.size(), 1u);
    EXPECT_EQ(got_[0].topic, kRoot + "/device/dev-1/hello");
}

// The broker sends some twenty before it waits for an acknowledgement.
TEST_F(BrokerTest, RequestsThatWaitArriveTogether) {
    auto broker = connect(optionsFor(*server_));
    PlainClient alice(server_->port(), "alice", "alice");
    for (int i = 0; i < 20; ++i)
        ASSERT_EQ(alice.publish(kRoot + "/request/alice/health", std::to_string(i)), 0);
    ASSERT_TRUE(turnUntil(loop_, [&] { return got_.size() == 20; }));
    EXPECT_LE(batches_, 4);
}

TEST_F(BrokerTest, ManyRequestsArriveInTheirOrder) {
    auto broker = connect(optionsFor(*server_));
    PlainClient alice(server_->port(), "alice", "alice");
    for (int i = 0; i < 500; ++i) alice.send(kRoot + "/request/alice/health", std::to_string(i));
    ASSERT_TRUE(turnUntil(loop_, [&] {
        alice.turn(&loop_);
        return got_.size() == 500;
    }));
    for (int i = 0; i < 500; ++i)
        EXPECT_EQ(got_[static_cast<std::size_t>(i)].payload, std::to_string(i));
}

TEST_F(BrokerTest, StatesComeBackAfterTheBrokerDied) {
    auto broker = connect(optionsFor(*server_));
    broker->publish(
        {.topic = kRoot + "/model/fruit", .payload = "1", .retain = true, .correlation = {}});
    broker->publish(
        {.topic = kRoot + "/model/old", .payload = "1", .retain = true, .correlation = {}});
    broker->publish(
        {.topic = kRoot + "/model/old", .payload = "", .retain = true, .correlation = {}});
    ASSERT_TRUE(turnUntil(loop_, [&] { return broker->queued() == 0; }));
    server_->kill();
    ASSERT_TRUE(turnUntil(loop_, [&] { return !broker->connected(); }));
    broker->publish(
        {.topic = kRoot + "/model/fruit", .payload = "2", .retain = true, .correlation = {}});
    broker->publish(
        {.topic = kRoot + "/response/alice/health", .payload = "kept", .correlation = {}});
    for (int i = 0; i < 20; ++i) loop_.turn(20);
    int births = 0;
    broker->setOnConnected([&] { ++births; });
    server_->start();
    PlainClient alice(server_->port(), "alice", "alice");
    alice.subscribe(kRoot + "/model/+");
    alice.subscribe(kRoot + "/response/alice/#");
    ASSERT_TRUE(turnUntil(loop_, [&] { return broker->connected() && broker->queued() == 0; }));
    EXPECT_EQ(births, 1);
    const auto* model = alice.waitFor(kRoot + "/model/fruit", &loop_);
    ASSERT_NE(model, nullptr);
    EXPECT_EQ(model->payload, "2");
    const auto* reply = alice.waitFor(kRoot + "/response/alice/health", &loop_);
    ASSERT_NE(reply, nullptr);
    EXPECT_EQ(reply->payload, "kept");
    EXPECT_EQ(alice.waitFor(kRoot + "/model/old", &loop_, 200), nullptr);
}

TEST_F(BrokerTest, WillSpeaksWhenTheDaemonDies) {
    PlainClient alice(server_->port(), "alice", "alice");
    alice.subscribe(kRoot + "/state");
    for (const bool orderly : {false, true}) {
        alice.received.clear();
        auto broker = connect(optionsFor(*server_));
        broker->publish(
            {.topic = kRoot + "/state", .payload = "online", .retain = true, .correlation = {}});
        const auto* birth = alice.waitFor(kRoot + "/state", &loop_);
        ASSERT_NE(birth, nullptr);
        EXPECT_EQ(birth->payload, "online");
        alice.received.clear();
        if (orderly) {
            bool stopped = false;
            broker->stop(2000, [&] { stopped = true; });
            EXPECT_TRUE(turnUntil(loop_, [&] { return stopped; }));
        }
        broker.reset();
        const auto* will = alice.waitFor(kRoot + "/state", &loop_);
        ASSERT_NE(will, nullptr) << (orderly ? "stopped" : "died");
        EXPECT_EQ(will->payload, R"({"state":"offline"})");
    }
}

// A consumer that dies before it has committed: the broker has no acknowledgement and delivers
// again.
TEST_F(BrokerTest, AcknowledgesOnlyAfterTheConsumer) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        Loop loop;
        MosquittoBroker broker(loop, optionsFor(*server_));
        broker.setConsumer([](std::vector<Message>) { ::_exit(42); });
        broker.start();
        turnUntil(loop, [] { return false; }, 20'000);
        ::_exit(1);
    }
    PlainClient alice(server_->port(), "alice", "alice");
    int status = 0;
    // Published again and again until the child is there to take it; it dies of the first.
    int sent = 0;
    while (::waitpid(pid, &status, WNOHANG) == 0 && sent < 500) {
        alice.publish(kRoot + "/request/alice/health", std::to_string(sent++));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 42);
    auto broker = connect(optionsFor(*server_));
    ASSERT_TRUE(turnUntil(loop_, [&] { return !got_.empty(); })) << "the request was lost";
    const auto count = got_.size();
    // Taken now: another connection gets nothing.
    for (int i = 0; i < 10; ++i) loop_.turn(20);
    broker.reset();
    got_.clear();
    broker = connect(optionsFor(*server_));
    for (int i = 0; i < 20; ++i) loop_.turn(20);
    EXPECT_TRUE(got_.empty()) << "of " << count;
}

TEST_F(BrokerTest, OversizePacketsHurtNobody) {
    BrokerOptions options = optionsFor(*server_);
    options.maxPacketBytes = 100'000;
    auto broker = connect(options);
    PlainClient alice(server_->port(), "alice", "alice");
    EXPECT_EQ(alice.publish(kRoot + "/request/alice/health", std::string(200'000, 'x')), 0);
    EXPECT_EQ(alice.publish(kRoot + "/request/alice/health", "small"), 0);
    ASSERT_TRUE(turnUntil(loop_, [&] { return !got_.empty(); }));
    EXPECT_EQ(got_[0].payload, "small");
    // Beyond the broker's own limit: refused on both sides, and the daemon stays connected.
    broker->publish({.topic = kRoot + "/response/alice/x",
                     .payload = std::string(3'000'000, 'x'),
                     .correlation = {}});
    for (int i = 0; i < 10; ++i) loop_.turn(20);
    EXPECT_TRUE(broker->connected());
    EXPECT_EQ(alice.publish(kRoot + "/request/alice/health", std::string(3'000'000, 'x')), -1);
    EXPECT_TRUE(turnUntil(loop_, [&] { return broker->queued() == 0; }));
}

TEST_F(BrokerTest, WrongPasswordIsSaidAndTriedAgain) {
    BrokerOptions options = optionsFor(*server_);
    options.password = "wrong";
    MosquittoBroker broker(loop_, options);
    broker.start();
    ASSERT_TRUE(turnUntil(loop_, [&] {
        return broker.status().find("refuses") != std::string::npos;
    })) << broker.status();
    EXPECT_FALSE(broker.connected());
}

// An address that never answers (RFC 5737) must not hold the loop up.
TEST(Broker, UnreachableHostDoesNotBlockTheLoop) {
    Loop loop;
    BrokerOptions options;
    for (const char* host : {"192.0.2.1", "no-such-host.invalid"}) {
        options.host = host;
        MosquittoBroker broker(loop, options);
        const auto started = std::chrono::steady_clock::now();
        broker.start();
        for (int i = 0; i < 5; ++i) loop.turn(10);
        EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2)) << host;
        EXPECT_FALSE(broker.connected());
    }
}

// ---- who may say what: every crossing of the shipped ACL
// -------------------------------------------------------------------

struct Saying {
    const char* user;
    std::string topic;
    bool allowed;
};

TEST_F(BrokerTest, AclLetsEverybodyPublishOnlyTheirOwn) {
    auto broker = connect(optionsFor(*server_));
    const std::vector<Saying> sayings = {
        {"alice", "/request/alice/regenerate", true},
        {"alice", "/request/bob/regenerate", false},
        {"alice", "/request/alice/a/b", false},
        {"alice", "/response/alice/health", false},
        {"alice", "/response/bob/health", false},
        {"alice", "/state", false},
        {"alice", "/info", false},
        {"alice", "/health", false},
        {"alice", "/job/j-1", false},
        {"alice", "/job/j-1/log", false},
        {"alice", "/model/fruit", false},
        {"alice", "/rollout/r-1", false},
        {"alice", "/device/dev-1/hello", false},
        {"alice", "/device/dev-1/offer", false},
        {"alice", "/device/dev-1/command", false},
        {"alice", "/block/00/0", false},
        {"dev-1", "/device/dev-1/hello", true},
        {"dev-1", "/device/dev-1/need", true},
        {"dev-1", "/device/dev-1/update", true},
        {"dev-1", "/device/dev-1/sample", true},
        {"dev-1", "/device/dev-1/result", true},
        {"dev-1", "/device/dev-1/telemetry", true},
        {"dev-1", "/device/dev-1/offer", false},
        {"dev-1", "/device/dev-1/command", false},
        {"dev-1", "/device/dev-2/hello", false},
        {"dev-1", "/device/dev-2/need", false},
        {"dev-1", "/device/dev-2/offer", false},
        {"dev-1", "/block/00/0", false},
        {"dev-1", "/request/alice/regenerate", false},
        {"dev-1", "/state", false},
        {"bob", "/request/bob/health", true},
    };
    std::map<std::string, std::unique_ptr<PlainClient>> clients;
    std::size_t expected = 0;
    for (const auto& [user, topic, allowed] : sayings) {
        auto& client = clients[user];
        if (!client) client = std::make_unique<PlainClient>(server_->port(), user, user);
        const int reason = client->publish(kRoot + topic, "x");
        EXPECT_EQ(reason == 0 || reason == 0x10, allowed)
            << user << " on " << topic << ": " << reason;
        expected += allowed ? 1 : 0;
    }
    EXPECT_TRUE(turnUntil(loop_, [&] { return got_.size() >= expected; }));
    EXPECT_EQ(got_.size(), expected);
}

TEST_F(BrokerTest, AclLetsEverybodyReadOnlyTheirOwn) {
    auto broker = connect(optionsFor(*server_));
    const std::vector<Saying> sayings = {
        {"alice", "/response/alice/health", true},
        {"alice", "/response/bob/health", false},
        {"alice", "/request/bob/regenerate", false},
        {"alice", "/request/alice/regenerate", false},
        {"alice", "/state", true},
        {"alice", "/job/j-1", true},
        {"alice", "/job/j-1/log", true},
        {"alice", "/model/fruit", true},
        {"alice", "/rollout/r-1", true},
        {"alice", "/device/dev-1/result", true},
        {"alice", "/device/dev-1/offer", false},
        {"alice", "/device/dev-1/command", false},
        {"alice", "/device/dev-1/sample", false},
        {"dev-1", "/device/dev-1/offer", true},
        {"dev-1", "/device/dev-1/command", true},
        {"dev-1", "/device/dev-2/offer", false},
        {"dev-1", "/device/dev-2/command", false},
        {"dev-1", "/block/00ff/7", true},
        {"dev-1", "/response/alice/health", false},
    };
    std::map<std::string, std::unique_ptr<PlainClient>> clients;
    for (const char* user : {"alice", "dev-1"}) {
        clients[user] = std::make_unique<PlainClient>(server_->port(), user, user);
        clients[user]->subscribe("#");
    }
    for (const auto& [user, topic, allowed] : sayings)
        broker->publish({.topic = kRoot + topic, .payload = "x", .correlation = {}});
    // After this one everything before it has arrived.
    broker->publish({.topic = kRoot + "/info", .payload = "last", .correlation = {}});
    for (auto& [user, client] : clients)
        EXPECT_NE(client->waitFor(kRoot + "/info", &loop_), nullptr);
    for (const auto& [user, topic, allowed] : sayings) {
        EXPECT_EQ(clients[user]->waitFor(kRoot + topic, &loop_, 0) != nullptr, allowed)
            << user << " reads " << topic;
    }
}

TEST_F(BrokerTest, NobodyComesInWithoutAName) {
    const PlainClient anonymous(server_->port(), "", "");
    EXPECT_FALSE(anonymous.connected());
    EXPECT_EQ(anonymous.refusal(), 0x87);
    const PlainClient liar(server_->port(), "alice", "bob");
    EXPECT_FALSE(liar.connected());
}

}  // namespace
}  // namespace tinsmith::daemon
