// A real mosquitto with the shipped configuration and ACL on a free loopback port, and a plain
// client to talk to it.
#pragma once

#include <mosquitto.h>

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/loop.hpp"
#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {

[[nodiscard]] int freePort();

class MosquittoProcess {
  public:
    // Every user's password is their name.
    explicit MosquittoProcess(const std::vector<std::string>& users);
    MosquittoProcess(const MosquittoProcess&) = delete;
    MosquittoProcess& operator=(const MosquittoProcess&) = delete;
    ~MosquittoProcess() { kill(); }

    [[nodiscard]] static bool installed();
    void start();
    void kill();  // SIGKILL: nothing is saved
    [[nodiscard]] int port() const { return port_; }

  private:
    TemporaryFolder folder_;
    int port_;
    int pid_ = -1;
};

// One MQTT 5 client under a user's name; turned by hand, so that tests need no threads.
class PlainClient {
  public:
    struct Received {
        std::string topic, payload, correlation;
        bool retain;
    };
    PlainClient(int port, const std::string& user, const std::string& password);
    PlainClient(const PlainClient&) = delete;
    PlainClient& operator=(const PlainClient&) = delete;
    ~PlainClient();

    [[nodiscard]] bool connected() const { return connected_; }
    [[nodiscard]] int refusal() const { return refusal_; }
    void subscribe(const std::string& topic);
    // Returns the broker's reason code, 0 = taken; -1 = the connection ended.
    int publish(const std::string& topic, const std::string& payload, bool retain = false,
                const std::string& responseTopic = {}, const std::string& correlation = {},
                int expiryS = -1);
    void send(const std::string& topic, const std::string& payload);  // does not wait
    // Turns this client and, where given, the loop until something on `topic` came, or `ms` passed.
    [[nodiscard]] const Received* waitFor(const std::string& topic, Loop* loop = nullptr,
                                          int ms = 5000);
    void turn(Loop* loop = nullptr);

    std::vector<Received> received;

  private:
    mosquitto* client_;
    bool connected_ = false;
    int refusal_ = -1;
    int publishing_ = 0;
    int reason_ = 0;
    bool answered_ = false;
    int subscribed_ = 0;
};

}  // namespace tinsmith::daemon
