#include "tests/e2e/client.hpp"

#include <mosquitto.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

namespace tinsmith::e2e {

namespace {

using Steady = std::chrono::steady_clock;

// Rounded up: who waits for what is left of the last millisecond must not come back at once.
int msUntil(Steady::time_point end) {
    return static_cast<int>(
        std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now()).count());
}

}  // namespace

Client::Client(int port, std::string user, const std::string& password, std::string root)
    : user_(std::move(user)), root_(std::move(root)) {
    mosquitto_lib_init();
    mosquitto_ = mosquitto_new(nullptr, true, this);
    // Without it each request waits some 40 ms behind the acknowledgement of the reply before.
    mosquitto_int_option(mosquitto_, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_username_pw_set(mosquitto_, user_.c_str(), password.c_str());
    mosquitto_message_callback_set(mosquitto_, &Client::received);
    mosquitto_connect_callback_set(mosquitto_, &Client::connected);
    if (mosquitto_connect(mosquitto_, "127.0.0.1", port, 30) != MOSQ_ERR_SUCCESS ||
        !waitFor([&] { return online_; }, 10000)) {
        mosquitto_destroy(mosquitto_);
        throw std::runtime_error("the broker on port " + std::to_string(port) +
                                 " cannot be reached");
    }
    subscribe(root_ + "/response/" + user_ + "/#");
}

Client::~Client() {
    mosquitto_disconnect(mosquitto_);
    mosquitto_destroy(mosquitto_);
}

void Client::connected(mosquitto* mosq, void* self, int code) {
    auto* client = static_cast<Client*>(self);
    if (code != 0) return;
    client->online_ = true;
    for (const std::string& filter : client->filters_) {
        mosquitto_subscribe(mosq, nullptr, filter.c_str(), 1);
    }
}

void Client::received(mosquitto*, void* self, const mosquitto_message* message) {
    auto* client = static_cast<Client*>(self);
    const std::string payload(static_cast<const char*>(message->payload),
                              static_cast<std::size_t>(message->payloadlen));
    client->last[message->topic] = payload;
    if (client->onMessage) client->onMessage(message->topic, payload);
}

void Client::subscribe(const std::string& filter) {
    filters_.push_back(filter);
    mosquitto_subscribe(mosquitto_, nullptr, filter.c_str(), 1);
}

void Client::publish(const std::string& topic, const std::string& payload, bool retain) {
    mosquitto_publish(mosquitto_, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                      payload.data(), 1, retain);
}

bool Client::waitFor(const std::function<bool()>& done, int ms) {
    const auto end = Steady::now() + std::chrono::milliseconds(ms);
    while (!done()) {
        const int left = msUntil(end);
        if (left <= 0) return false;
        const int result = mosquitto_loop(mosquitto_, std::min(left, 100), 1);
        if (result != MOSQ_ERR_SUCCESS) {
            online_ = false;
            ::usleep(50'000);  // the broker is away: nothing can be awaited
            mosquitto_reconnect(mosquitto_);
        }
    }
    return true;
}

Json Client::request(const std::string& verb, Json payload, int ms) {
    if (!payload.contains("id"))
        payload["id"] = "t-" + std::to_string(::getpid()) + "-" + std::to_string(++nextId_);
    const std::string id = payload["id"];
    const std::string topic = root_ + "/response/" + user_ + "/" + verb;
    last.erase(topic);
    Json reply;
    const auto answered = [&] {
        const auto it = last.find(topic);
        if (it == last.end()) return false;
        reply = Json::parse(it->second, nullptr, false);
        return reply.is_object() && reply.value("id", Json()) == Json(id);
    };
    const auto end = Steady::now() + std::chrono::milliseconds(ms);
    for (int left = ms; left > 0; left = msUntil(end)) {
        publish(root_ + "/request/" + user_ + "/" + verb, payload.dump());
        if (waitFor(answered, std::min(2000, left))) return reply;
    }
    return nullptr;
}

Json Client::waitForJob(const std::string& job, int ms) {
    const std::string topic = root_ + "/job/" + job;
    subscribe(topic);
    Json state;
    const bool ended = waitFor(
        [&] {
            const auto it = last.find(topic);
            if (it == last.end()) return false;
            state = Json::parse(it->second, nullptr, false);
            const std::string now = state.value("state", "");
            return now == "succeeded" || now == "failed" || now == "cancelled";
        },
        ms);
    return ended ? state : Json();
}

Json Client::runJob(const std::string& verb, Json payload, int ms) {
    const Json reply = request(verb, std::move(payload));
    if (!reply.is_object() || reply.value("status", "") != "accepted") return reply;
    return waitForJob(reply.value("job", ""), ms);
}

}  // namespace tinsmith::e2e
