#include "daemon/ctl/client.hpp"

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <thread>

#include "daemon/ctl/now.hpp"
#include "daemon/mqtt_properties.hpp"

namespace tinsmith::ctl {

namespace {

constexpr std::int64_t kRepeatMs = 5'000;
constexpr int kKeepaliveS = 30;

bool isRefusal(int reason) {
    return reason == MQTT_RC_NOT_AUTHORIZED || reason == MQTT_RC_BAD_USERNAME_OR_PASSWORD ||
           reason == MQTT_RC_BANNED;
}

}  // namespace

std::string freshId() {
    std::random_device device;
    const std::uint64_t noise = (std::uint64_t{device()} << 32) | device();
    char text[48];
    std::snprintf(text, sizeof text, "ctl-%llx", static_cast<unsigned long long>(noise));
    return text;
}

Client::Client(ClientOptions options) : options_(std::move(options)), topics_(options_.root) {
    mosquitto_lib_init();
    client_ = mosquitto_new(nullptr, true, this);
    if (client_ == nullptr) return;
    mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
    if (!options_.user.empty()) {
        mosquitto_username_pw_set(client_, options_.user.c_str(), options_.password.c_str());
    }
    mosquitto_connect_v5_callback_set(
        client_, [](mosquitto*, void* self, int reason, int, const mosquitto_property* properties) {
            static_cast<Client*>(self)->onConnect(reason, properties);
        });
    mosquitto_disconnect_v5_callback_set(
        client_, [](mosquitto*, void* self, int, const mosquitto_property*) {
            static_cast<Client*>(self)->connected_ = false;
        });
    mosquitto_publish_v5_callback_set(
        client_, [](mosquitto*, void* self, int id, int reason, const mosquitto_property*) {
            static_cast<Client*>(self)->onPublished(id, reason);
        });
    mosquitto_message_v5_callback_set(
        client_, [](mosquitto*, void* self, const mosquitto_message* message,
                    const mosquitto_property* properties) {
            static_cast<Client*>(self)->onMessage(*message, properties);
        });
}

Client::~Client() {
    if (client_ != nullptr) {
        mosquitto_disconnect_v5(client_, MQTT_RC_NORMAL_DISCONNECTION, nullptr);
        mosquitto_destroy(client_);
    }
    mosquitto_lib_cleanup();
}

Status Client::connect() {
    const std::string where = options_.host + ":" + std::to_string(options_.port);
    const auto unreachable = [&](const std::string& why) {
        return fail(Code::timeout, "no MQTT broker answers at " + where + ": " + why,
                    "start mosquitto, or name another one with --broker HOST:PORT");
    };
    if (client_ == nullptr) return fail(Code::internal, "out of memory");
    const int error = mosquitto_connect_bind_v5(client_, options_.host.c_str(), options_.port,
                                                kKeepaliveS, nullptr, nullptr);
    if (error != MOSQ_ERR_SUCCESS) return unreachable(mosquitto_strerror(error));
    const std::int64_t until = nowMs() + 10'000;
    while (connectReason_ < 0 && nowMs() < until) {
        if (mosquitto_loop(client_, 200, 1) != MOSQ_ERR_SUCCESS && connectReason_ < 0) {
            return unreachable("it closed the connection");
        }
    }
    if (connectReason_ < 0) return unreachable("it does not speak MQTT 5");
    if (connectReason_ != 0) {
        return fail(isRefusal(connectReason_) ? Code::forbidden : Code::internal,
                    "the broker at " + where + " refuses " +
                        (options_.user.empty() ? "a client without a name" : options_.user) + ": " +
                        mosquitto_reason_string(connectReason_),
                    "give --user and --password-file as the broker knows them");
    }
    return {};
}

void Client::onConnect(int reason, const mosquitto_property* properties) {
    connectReason_ = reason;
    connected_ = reason == 0;
    if (!connected_) return;
    limits_ = {};
    std::uint8_t byte = 0;
    mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &limits_.receiveMaximum,
                                  false);
    mosquitto_property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                  &limits_.maximumPacketBytes, false);
    if (mosquitto_property_read_byte(properties, MQTT_PROP_MAXIMUM_QOS, &byte, false) != nullptr) {
        limits_.maximumQos = byte;
    }
    if (mosquitto_property_read_byte(properties, MQTT_PROP_RETAIN_AVAILABLE, &byte, false) !=
        nullptr) {
        limits_.retainAvailable = byte != 0;
    }
    if (mosquitto_property_read_byte(properties, MQTT_PROP_WILDCARD_SUB_AVAILABLE, &byte, false) !=
        nullptr) {
        limits_.wildcardSubscriptions = byte != 0;
    }
    subscribeAll();
}

void Client::subscribeAll() {
    for (const auto& [filter, listener] : listeners_) {
        mosquitto_subscribe_v5(client_, nullptr, filter.c_str(), 1, 0, nullptr);
    }
}

void Client::listen(const std::string& filter, Listener listener) {
    listeners_.emplace_back(filter, std::move(listener));
    if (connected_) mosquitto_subscribe_v5(client_, nullptr, filter.c_str(), 1, 0, nullptr);
}

void Client::forget(const std::string& filter) {
    std::erase_if(listeners_, [&](const auto& entry) { return entry.first == filter; });
    if (connected_) mosquitto_unsubscribe(client_, nullptr, filter.c_str());
}

void Client::onPublished(int id, int reason) {
    published_[id] = reason;
}

void Client::onMessage(const mosquitto_message& message, const mosquitto_property* properties) {
    const std::string topic = message.topic;
    const std::string payload(static_cast<const char*>(message.payload),
                              static_cast<std::size_t>(message.payloadlen));
    if (topic == replyTopic_) {
        const std::string correlation = daemon::readBinary(properties, MQTT_PROP_CORRELATION_DATA);
        if (auto reply = parseJson(payload, 64u << 20, 64))
            replies_[correlation] = std::move(*reply);
        return;
    }
    for (const auto& [filter, listener] : listeners_) {
        bool matches = false;
        mosquitto_topic_matches_sub(filter.c_str(), topic.c_str(), &matches);
        if (matches && listener) listener(topic, payload);
    }
}

bool Client::loopOnce(int ms) {
    const int error = mosquitto_loop(client_, ms, 1);
    if (error == MOSQ_ERR_SUCCESS) return true;
    connected_ = false;
    return false;
}

bool Client::wait(std::int64_t ms, const std::function<bool()>& until) {
    const std::int64_t end = nowMs() + ms;
    std::int64_t pauseMs = 100;
    while (!until()) {
        const std::int64_t left = end - nowMs();
        if (left <= 0) return false;
        if (loopOnce(static_cast<int>(std::min<std::int64_t>(left, 250)))) {
            pauseMs = 100;
            continue;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min(pauseMs, left)));
        pauseMs = std::min<std::int64_t>(pauseMs * 2, 5'000);
        mosquitto_reconnect(client_);
    }
    return true;
}

Delivery Client::publish(const std::string& topic, const std::string& payload) {
    int id = 0;
    const int error =
        mosquitto_publish_v5(client_, &id, topic.c_str(), static_cast<int>(payload.size()),
                             payload.data(), 1, false, nullptr);
    if (error != MOSQ_ERR_SUCCESS) return Delivery::unanswered;
    if (!wait(5'000, [&] { return published_.contains(id); })) return Delivery::unanswered;
    if (isRefusal(published_[id])) return Delivery::refused;
    return published_[id] == MQTT_RC_NO_MATCHING_SUBSCRIBERS ? Delivery::noSubscriber
                                                             : Delivery::delivered;
}

Status Client::send(const std::string& verb, const std::string& payload, const std::string& id) {
    daemon::MqttProperties properties;
    mosquitto_property_add_string(properties.place(), MQTT_PROP_RESPONSE_TOPIC,
                                  replyTopic_.c_str());
    mosquitto_property_add_binary(properties.place(), MQTT_PROP_CORRELATION_DATA, id.data(),
                                  static_cast<std::uint16_t>(id.size()));
    mosquitto_property_add_string(properties.place(), MQTT_PROP_CONTENT_TYPE, "application/json");
    const std::string topic = topics_.request(options_.user, verb);
    int number = 0;
    const int error =
        mosquitto_publish_v5(client_, &number, topic.c_str(), static_cast<int>(payload.size()),
                             payload.data(), 1, false, properties.get());
    if (error == MOSQ_ERR_OVERSIZE_PACKET) {
        return fail(Code::too_large, "the broker takes no packet of this size",
                    "send a smaller request");
    }
    if (error != MOSQ_ERR_SUCCESS && error != MOSQ_ERR_NO_CONN && error != MOSQ_ERR_CONN_LOST) {
        return fail(Code::internal, mosquitto_strerror(error), "see --help");
    }
    wait(kRepeatMs, [&] { return published_.contains(number) || replies_.contains(id); });
    if (published_.contains(number) && isRefusal(published_[number])) {
        return fail(
            Code::forbidden, "the broker does not let " + options_.user + " publish to " + topic,
            "give --user and --password-file of an asker that its ACL knows, and the right --root");
    }
    return {};
}

Result<Json> Client::ask(const std::string& verb, Json request) {
    if (options_.user.empty()) {
        return fail(Code::forbidden, "a request needs an asker",
                    "give --user NAME, or set TINSMITH_USER");
    }
    if (!request.contains("id")) request["id"] = freshId();
    const std::string id = request["id"].is_string() ? request["id"].get<std::string>() : freshId();
    const std::string payload = canonical(request);
    if (replyTopic_.empty()) {
        replyTopic_ = topics_.response(options_.user, freshId());
        listen(replyTopic_, {});
        listen(topics_.state(), [this](const std::string&, const std::string& text) {
            const auto state = parseJson(text);
            if (state && state->is_object()) daemonState_ = state->value("state", "");
        });
    }
    const std::int64_t end = nowMs() + std::int64_t{options_.timeoutS} * 1000;
    while (nowMs() < end) {
        const std::int64_t repeatAt = nowMs() + kRepeatMs;
        if (auto sent = send(verb, payload, id); !sent) return std::unexpected(sent.error());
        const std::int64_t patience = std::min(repeatAt, end) - nowMs();
        if (wait(std::max<std::int64_t>(patience, 0), [&] { return replies_.contains(id); })) {
            return replies_[id];
        }
    }
    const std::string seen = daemonState_ == "offline" ? "the daemon says that it is offline"
                             : daemonState_ == "online"
                                 ? "the daemon is online"
                                 : "no daemon has shown itself below " + options_.root;
    return fail(Code::timeout,
                "no reply within " + std::to_string(options_.timeoutS) + " s; " + seen,
                "is tinsmithd running, and --root right? `tinsmith doctor` looks closer. The same "
                "id may be sent again: " +
                    id);
}

}  // namespace tinsmith::ctl
