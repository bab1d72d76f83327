// A transport and a handler in memory, for tests and fuzzing of the MQTT client.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "firmware/agent/mqtt_client.hpp"

namespace tinsmith::agent {

using Bytes = std::vector<std::uint8_t>;

struct FakeTransport final : MqttTransport {
    Bytes sent;
    std::size_t room = 1 << 20;
    bool closeAsked = false;

    std::size_t space() const override { return room; }
    void send(std::span<const std::uint8_t> bytes) override {
        if (bytes.size() > room) std::abort();  // the client promised not to
        room -= bytes.size();
        sent.insert(sent.end(), bytes.begin(), bytes.end());
    }
    void close() override { closeAsked = true; }
};

struct FakeHandler final : MqttHandler {
    std::vector<std::string> events;

    void onConnected() override { events.emplace_back("connected"); }
    void onMessage(std::string_view topic, std::span<const std::uint8_t> payload,
                   bool retained) override {
        events.push_back("message " + std::string(topic) + " " +
                         std::string(payload.begin(), payload.end()) +
                         (retained ? " retained" : ""));
    }
    void onSubscribed(std::uint16_t id, bool granted) override {
        events.push_back("subscribed " + std::to_string(id) + (granted ? " yes" : " no"));
    }
    void onAcknowledged(std::uint16_t id) override {
        events.push_back("acknowledged " + std::to_string(id));
    }
    void onClosed(MqttFault fault) override {
        events.push_back("closed " + std::to_string(static_cast<int>(fault)));
    }
};

inline Bytes packet(std::uint8_t first, const Bytes& body) {
    Bytes out{first};
    std::size_t left = body.size();
    do {
        const auto low = static_cast<std::uint8_t>(left & 0x7F);
        left >>= 7;
        out.push_back(static_cast<std::uint8_t>(low | (left != 0 ? 0x80 : 0)));
    } while (left != 0);
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

inline Bytes publishPacket(const std::string& topic, const std::string& payload,
                           std::uint16_t id = 0, bool retain = false) {
    Bytes body{static_cast<std::uint8_t>(topic.size() >> 8),
               static_cast<std::uint8_t>(topic.size())};
    body.insert(body.end(), topic.begin(), topic.end());
    if (id != 0) {
        body.push_back(static_cast<std::uint8_t>(id >> 8));
        body.push_back(static_cast<std::uint8_t>(id));
    }
    body.insert(body.end(), payload.begin(), payload.end());
    return packet(static_cast<std::uint8_t>(0x30 | (id != 0 ? 2 : 0) | (retain ? 1 : 0)), body);
}

}  // namespace tinsmith::agent
