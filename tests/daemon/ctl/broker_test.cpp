// The client against a real mosquitto and a small daemon of the test's own that speaks the
// contract.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "daemon/ctl/commands.hpp"
#include "daemon/ctl/doctor.hpp"
#include "daemon/ctl/watch.hpp"

namespace tinsmith::ctl {
namespace {

int freePort() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t length = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
    ::close(socket);
    return ntohs(address.sin_port);
}

// mosquitto with one asker, ada, who reaches her own requests and responses only.
class Mosquitto {
  public:
    Mosquitto() : port(freePort()) {
        std::string name =
            (std::filesystem::temp_directory_path() / "tinsmith-broker-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        std::ofstream(folder / "acl") << "user ada\n"
                                         "topic write tinsmith/gw/request/ada/#\n"
                                         "topic read tinsmith/gw/response/ada/#\n"
                                         "topic read tinsmith/gw/job/#\n"
                                         "topic read tinsmith/gw/state\n"
                                         "user daemon\ntopic readwrite #\n";
        std::ofstream(folder / "passwords") << "ada:secret\ndaemon:secret\n";
        std::ofstream(folder / "conf")
            << "listener " << port << " 127.0.0.1\nallow_anonymous false\nuser root\n"
            << "acl_file " << (folder / "acl").string() << "\npassword_file "
            << (folder / "passwords").string() << "\n";
        const std::string hash = "mosquitto_passwd -U " + (folder / "passwords").string();
        if (::system(hash.c_str()) != 0) return;
        child = ::fork();
        if (child == 0) {
            ::execl("/usr/sbin/mosquitto", "mosquitto", "-c", (folder / "conf").c_str(),
                    static_cast<char*>(nullptr));
            ::_exit(127);
        }
    }
    ~Mosquitto() {
        if (child > 0) {
            ::kill(child, SIGTERM);
            ::waitpid(child, nullptr, 0);
        }
        std::filesystem::remove_all(folder);
    }

    int port;
    pid_t child = -1;
    std::filesystem::path folder;
};

// Answers the second time that it hears a request, so that the client must repeat itself.
class ScriptedDaemon {
  public:
    explicit ScriptedDaemon(int port) {
        client_ = mosquitto_new(nullptr, true, this);
        mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
        mosquitto_username_pw_set(client_, "daemon", "secret");
        mosquitto_message_v5_callback_set(
            client_, [](mosquitto*, void* self, const mosquitto_message* message,
                        const mosquitto_property* properties) {
                static_cast<ScriptedDaemon*>(self)->onMessage(*message, properties);
            });
        for (int i = 0; i < 100 && mosquitto_connect_bind_v5(client_, "127.0.0.1", port, 30,
                                                             nullptr, nullptr) != 0;
             ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        mosquitto_subscribe_v5(client_, nullptr, "tinsmith/gw/request/+/+", 1, 0, nullptr);
        publish("tinsmith/gw/state", R"({"state":"online"})", true);
        thread_ = std::thread([this] {
            while (!stop_) mosquitto_loop(client_, 50, 1);
        });
    }
    ~ScriptedDaemon() {
        stop_ = true;
        thread_.join();
        mosquitto_destroy(client_);
    }
    std::atomic<int> heard{0};
    std::atomic<bool> silent{false};

  private:
    void publish(const std::string& topic, const std::string& text, bool retain) {
        mosquitto_publish_v5(client_, nullptr, topic.c_str(), static_cast<int>(text.size()),
                             text.data(), 1, retain, nullptr);
    }
    void onMessage(const mosquitto_message& message, const mosquitto_property* properties) {
        const int count = ++heard;
        if (silent || count == 1) return;
        const std::string payload(static_cast<const char*>(message.payload),
                                  static_cast<std::size_t>(message.payloadlen));
        const auto request = parseJson(payload);
        char* topic = nullptr;
        void* data = nullptr;
        std::uint16_t length = 0;
        mosquitto_property_read_string(properties, MQTT_PROP_RESPONSE_TOPIC, &topic, false);
        mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &data, &length,
                                       false);
        const bool isLong = std::string(message.topic).ends_with("/regenerate");
        const Json reply =
            isLong ? Json{{"id", (*request)["id"]}, {"status", "accepted"}, {"job", "j-1"}}
                   : Json{{"id", (*request)["id"]},
                          {"status", "ok"},
                          {"data", {{"jobs", Json::array()}}}};
        const std::string text = reply.dump();
        mosquitto_property* out = nullptr;
        mosquitto_property_add_binary(&out, MQTT_PROP_CORRELATION_DATA, data, length);
        mosquitto_publish_v5(client_, nullptr, topic, static_cast<int>(text.size()), text.data(), 1,
                             false, out);
        mosquitto_property_free_all(&out);
        std::free(topic);
        std::free(data);
        if (!isLong) return;
        publish("tinsmith/gw/job/j-0", R"({"job":"j-0","state":"failed","created":1})", true);
        publish("tinsmith/gw/job/j-1",
                R"({"job":"j-1","state":"running","percent":10,"created":2})", true);
        publish("tinsmith/gw/job/j-1/log", R"({"kind":"step","text":"train"})", false);
        publish("tinsmith/gw/job/j-1",
                R"({"job":"j-1","state":"succeeded","percent":100,"created":2})", true);
    }

    mosquitto* client_;
    std::thread thread_;
    std::atomic<bool> stop_{false};
};

class ClientTest : public ::testing::Test {
  protected:
    ClientTest() : daemon(broker.port) {
        options.port = broker.port;
        options.root = "tinsmith/gw";
        options.user = "ada";
        options.password = "secret";
    }
    Mosquitto broker;
    ScriptedDaemon daemon;
    ClientOptions options;
};

TEST_F(ClientTest, AsksAgainWithTheSameIdUntilItIsAnswered) {
    Client client(options);
    ASSERT_TRUE(client.connect());
    const auto reply = client.ask("job", {{"action", "list"}, {"id", "x-1"}});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ((*reply)["id"], "x-1");
    EXPECT_EQ(daemon.heard, 2);
}

TEST_F(ClientTest, FollowsAJobToItsEnd) {
    daemon.heard = 1;
    Client client(options);
    ASSERT_TRUE(client.connect());
    ::testing::internal::CaptureStdout();
    const int code = ask(client, {"regenerate", {{"model", "m"}}, true, false});
    const std::string told = ::testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, kSucceeded) << told;
    EXPECT_NE(told.find("job j-1"), std::string::npos) << told;
    EXPECT_NE(told.find("100 %  succeeded"), std::string::npos) << told;
    Client other(options);
    ASSERT_TRUE(other.connect());
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(watch(other, "latest", true), kSucceeded);
    EXPECT_NE(::testing::internal::GetCapturedStdout().find("\"job\":\"j-1\""), std::string::npos);
    Client third(options);
    ASSERT_TRUE(third.connect());
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(watch(third, "j-0", true), kFailed);
    (void)::testing::internal::GetCapturedStdout();
}

TEST_F(ClientTest, SaysWhyNobodyAnswers) {
    daemon.silent = true;
    options.timeoutS = 2;
    Client client(options);
    ASSERT_TRUE(client.connect());
    const auto silent = client.ask("health", Json::object());
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().code, Code::timeout);
    EXPECT_NE(silent.error().message.find("online"), std::string::npos) << silent.error().message;
    EXPECT_NE(silent.error().hint.find("doctor"), std::string::npos);

    options.root = "tinsmith/elsewhere";
    Client lost(options);
    ASSERT_TRUE(lost.connect());
    const auto refused = lost.ask("health", Json::object());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::forbidden) << "the ACL knows no such topic";

    options.password = "wrong";
    Client stranger(options);
    const auto connected = stranger.connect();
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().code, Code::forbidden) << connected.error().message;
}

TEST_F(ClientTest, TheDoctorSeesAccessAndLimits) {
    daemon.heard = 1;
    std::map<std::string, Verdict> verdicts;
    for (const Finding& finding : examineBroker(options))
        verdicts[finding.subject] = finding.verdict;
    EXPECT_EQ(verdicts["broker"], Verdict::ok);
    EXPECT_EQ(verdicts["broker limits"], Verdict::ok);
    EXPECT_EQ(verdicts["broker access"], Verdict::ok);
    EXPECT_EQ(verdicts["daemon"], Verdict::ok);
}

}  // namespace
}  // namespace tinsmith::ctl
