// A client of the MQTT contract and nothing else: asks, waits, listens. Blocking; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/api/topics.hpp"
#include "handlers/flow/json.hpp"

struct mosquitto;
struct mosquitto_message;
struct mqtt5__property;

namespace tinsmith::ctl {

struct ClientOptions {
    std::string host = "127.0.0.1";
    int port = 1883;
    std::string user;
    std::string password;
    std::string root = "tinsmith/gateway";
    int timeoutS = 30;  // for a reply, with repeats
};

// What the broker said of itself in CONNACK (MQTT 5, section 3.2.2.3); absent properties have their
// defaults.
struct BrokerLimits {
    std::uint16_t receiveMaximum = 65535;
    std::uint32_t maximumPacketBytes = 0;  // 0 = none told
    int maximumQos = 2;
    bool retainAvailable = true;
    bool wildcardSubscriptions = true;
};

// Where a message ended that was published at QoS 1 (PUBACK, section 3.4.2.1).
enum class Delivery { delivered, noSubscriber, refused, unanswered };

class Client {
  public:
    explicit Client(ClientOptions options);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    // Errors: timeout (nobody listens there), forbidden (user or password).
    [[nodiscard]] Status connect();
    [[nodiscard]] const BrokerLimits& limits() const { return limits_; }
    [[nodiscard]] const Topics& topics() const { return topics_; }
    [[nodiscard]] const std::string& user() const { return options_.user; }

    using Listener = std::function<void(const std::string& topic, const std::string& payload)>;
    // Subscribes now and again after a reconnect.
    void listen(const std::string& filter, Listener listener);
    void forget(const std::string& filter);
    // Lets messages in until `until()` holds or `ms` have passed; true when it holds. Reconnects
    // when the broker goes away.
    bool wait(std::int64_t ms, const std::function<bool()>& until);

    [[nodiscard]] Delivery publish(const std::string& topic, const std::string& payload);

    // Sends a request and waits for its reply, sending the same id again every few seconds.
    // `request` gets an id if it has none. An error reply is a value here; errors are timeout and
    // forbidden, with a hint about what was seen meanwhile.
    [[nodiscard]] Result<Json> ask(const std::string& verb, Json request);

  private:
    void onConnect(int reason, const mqtt5__property* properties);
    void onPublished(int id, int reason);
    void onMessage(const mosquitto_message& message, const mqtt5__property* properties);
    void subscribeAll();
    [[nodiscard]] bool loopOnce(int ms);
    [[nodiscard]] Status send(const std::string& verb, const std::string& payload,
                              const std::string& id);

    ClientOptions options_;
    Topics topics_;
    mosquitto* client_ = nullptr;
    BrokerLimits limits_;
    int connectReason_ = -1;  // -1 = no CONNACK yet
    bool connected_ = false;
    std::vector<std::pair<std::string, Listener>> listeners_;
    std::map<int, int> published_;  // message id → reason code
    std::string replyTopic_;
    std::map<std::string, Json> replies_;  // by correlation, which is the request's id
    std::string daemonState_;              // "online", "offline" or "" when nothing is known
};

// "ctl-<time>-<random>": an id that nobody else will use.
std::string freshId();

}  // namespace tinsmith::ctl
