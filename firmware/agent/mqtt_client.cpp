#include "firmware/agent/mqtt_client.hpp"

#include <algorithm>

namespace tinsmith::agent {
namespace {

constexpr std::size_t kPubackSize = 4;
constexpr std::uint64_t kConnectTimeoutMs = 10'000;
constexpr std::size_t kLongestRemaining = 268'435'455;  // four length bytes of seven bits

std::size_t textSize(std::string_view text) {
    return 2 + text.size();
}

std::size_t headerSize(std::size_t remaining) {
    std::size_t size = 2;
    for (; remaining >= 128; remaining >>= 7) ++size;
    return size;
}

std::span<const std::uint8_t> bytesOf(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

bool MqttClient::canSend(std::size_t total) const {
    return streamLeft_ == 0 && transport_.space() >= total;
}

void MqttClient::sendHeader(MqttPacket type, std::uint8_t flags, std::size_t remaining) {
    std::uint8_t bytes[5] = {static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags)};
    std::size_t count = 1;
    do {
        const auto low = static_cast<std::uint8_t>(remaining & 0x7F);
        remaining >>= 7;
        bytes[count++] = static_cast<std::uint8_t>(low | (remaining != 0 ? 0x80 : 0));
    } while (remaining != 0);
    transport_.send({bytes, count});
}

void MqttClient::sendNumber(std::uint16_t value) {
    const std::uint8_t bytes[2] = {static_cast<std::uint8_t>(value >> 8),
                                   static_cast<std::uint8_t>(value)};
    transport_.send(bytes);
}

void MqttClient::sendText(std::string_view text) {
    sendNumber(static_cast<std::uint16_t>(text.size()));
    transport_.send(bytesOf(text));
}

std::uint16_t MqttClient::nextId() {
    if (++lastId_ == 0) lastId_ = 1;
    return lastId_;
}

bool MqttClient::opened(const MqttOptions& options, std::uint64_t nowMs) {
    const bool will = !options.willTopic.empty();
    const bool user = !options.user.empty();
    std::size_t remaining = 10 + textSize(options.clientId);
    if (will) remaining += textSize(options.willTopic) + 2 + options.willPayload.size();
    if (user) remaining += textSize(options.user) + textSize(options.password);
    parser_.reset();
    streamLeft_ = 0;
    ackDue_ = 0;
    if (!canSend(headerSize(remaining) + remaining)) return false;
    std::uint8_t flags = 0x02;  // clean session
    if (will)
        flags |= static_cast<std::uint8_t>(0x04 | options.willQos << 3 |
                                           (options.willRetain ? 0x20 : 0));
    if (user) flags |= 0xC0;
    sendHeader(MqttPacket::connect, 0, remaining);
    sendText("MQTT");
    const std::uint8_t level[2] = {4, flags};
    transport_.send(level);
    sendNumber(options.keepAliveS);
    sendText(options.clientId);
    if (will) {
        sendText(options.willTopic);
        sendNumber(static_cast<std::uint16_t>(options.willPayload.size()));
        transport_.send(options.willPayload);
    }
    if (user) {
        sendText(options.user);
        sendText(options.password);
    }
    state_ = State::connecting;
    fault_ = MqttFault::none;
    connectCode_ = 0;
    pinging_ = false;
    keepAliveS_ = options.keepAliveS;
    waitingSinceMs_ = nowMs;
    return true;
}

void MqttClient::fail(MqttFault fault) {
    if (state_ == State::closed) return;
    if (fault_ == MqttFault::none) fault_ = fault;
    transport_.close();
}

void MqttClient::closed() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    streamLeft_ = 0;
    parser_.reset();
    handler_.onClosed(fault_ == MqttFault::none ? MqttFault::lost : fault_);
}

std::size_t MqttClient::receive(std::span<const std::uint8_t> bytes, std::uint64_t nowMs) {
    std::span<const std::uint8_t> rest = bytes;
    while (!rest.empty() && state_ != State::closed && fault_ == MqttFault::none) {
        // The handler may have filled the transport or begun a long message: its own
        // acknowledgement waits then, and so does everything after it.
        acknowledge();
        if (ackDue_ != 0) break;
        switch (parser_.take(rest)) {
            case MqttParser::Status::needMore:
                break;
            case MqttParser::Status::frame:
                handle(parser_.frame(), nowMs);
                break;
            case MqttParser::Status::malformed:
                fail(MqttFault::malformed);
                break;
        }
    }
    // Bytes after a fault belong to a connection that is going away.
    return fault_ != MqttFault::none || state_ == State::closed ? bytes.size()
                                                                : bytes.size() - rest.size();
}

void MqttClient::handle(const MqttFrame& frame, std::uint64_t nowMs) {
    const auto type = static_cast<MqttPacket>(frame.type);
    if (state_ == State::connecting) {
        if (type != MqttPacket::connack || frame.body.size() != 2)
            return fail(MqttFault::malformed);
        connectCode_ = frame.body[1];
        if (connectCode_ != 0) return fail(MqttFault::refused);
        state_ = State::connected;
        waitingSinceMs_ = nowMs;
        handler_.onConnected();
        return;
    }
    switch (type) {
        case MqttPacket::publish:
            return handlePublish(frame);
        case MqttPacket::puback:
            if (frame.body.size() != 2) return fail(MqttFault::malformed);
            return handler_.onAcknowledged(
                static_cast<std::uint16_t>(frame.body[0] << 8 | frame.body[1]));
        case MqttPacket::suback: {
            if (frame.body.size() < 3 || !frame.whole) return fail(MqttFault::malformed);
            const auto codes = frame.body.subspan(2);
            const bool granted =
                std::all_of(codes.begin(), codes.end(), [](std::uint8_t c) { return c <= 2; });
            const auto id = static_cast<std::uint16_t>(frame.body[0] << 8 | frame.body[1]);
            return handler_.onSubscribed(id, granted);
        }
        case MqttPacket::unsuback:
            return;
        case MqttPacket::pingresp:
            pinging_ = false;
            return;
        default:
            return fail(MqttFault::malformed);
    }
}

void MqttClient::handlePublish(const MqttFrame& frame) {
    MqttPublish message;
    const bool valid = parsePublish(frame, message);
    // QoS 2 is never asked for, so a broker that sends it is broken.
    // A topic longer than the buffer is invalid here too: its id is not known, so it cannot be
    // acknowledged.
    if (!valid || message.qos > 1) return fail(MqttFault::malformed);
    if (frame.whole) {
        handler_.onMessage(message.topic, message.payload, message.retain);
    } else {
        ++skipped_;
    }
    if (message.qos == 1) {
        ackDue_ = message.id;
        acknowledge();
    }
}

void MqttClient::acknowledge() {
    if (ackDue_ == 0 || !connected() || fault_ != MqttFault::none || !canSend(kPubackSize)) return;
    sendHeader(MqttPacket::puback, 0, 2);
    sendNumber(ackDue_);
    ackDue_ = 0;
}

void MqttClient::poll(std::uint64_t nowMs) {
    if (fault_ != MqttFault::none) return;
    if (state_ == State::connecting && nowMs - waitingSinceMs_ >= kConnectTimeoutMs) {
        return fail(MqttFault::timeout);
    }
    acknowledge();
    if (state_ != State::connected || keepAliveS_ == 0) return;
    const std::uint64_t keepAliveMs = keepAliveS_ * 1000ull;
    if (pinging_) {
        if (nowMs - waitingSinceMs_ >= keepAliveMs) fail(MqttFault::timeout);
        return;
    }
    // Well before the broker's limit of one and a half keep-alive times. A broker that never
    // answers is noticed even while this side keeps publishing, because the ping is due by the
    // clock and not by silence.
    if (nowMs - waitingSinceMs_ >= keepAliveMs * 3 / 4 && canSend(2)) {
        sendHeader(MqttPacket::pingreq, 0, 0);
        pinging_ = true;
        waitingSinceMs_ = nowMs;
    }
}

bool MqttClient::publish(std::string_view topic, std::span<const std::uint8_t> payload,
                         std::uint8_t qos, bool retain, std::uint16_t* id) {
    const std::size_t remaining = textSize(topic) + (qos > 0 ? 2 : 0) + payload.size();
    if (!connected() || fault_ != MqttFault::none || !canSend(headerSize(remaining) + remaining))
        return false;
    sendHeader(MqttPacket::publish, static_cast<std::uint8_t>(qos << 1 | (retain ? 1 : 0)),
               remaining);
    sendText(topic);
    if (qos > 0) {
        sendNumber(nextId());
        if (id != nullptr) *id = lastId_;
    }
    transport_.send(payload);
    return true;
}

bool MqttClient::beginPublish(std::string_view topic, std::size_t payloadSize, std::uint8_t qos) {
    const std::size_t head = textSize(topic) + (qos > 0 ? 2 : 0);
    const std::size_t remaining = head + payloadSize;
    if (!connected() || fault_ != MqttFault::none || remaining > kLongestRemaining ||
        !canSend(headerSize(remaining) + head)) {
        return false;
    }
    sendHeader(MqttPacket::publish, static_cast<std::uint8_t>(qos << 1), remaining);
    sendText(topic);
    if (qos > 0) sendNumber(nextId());
    streamLeft_ = payloadSize;
    return true;
}

std::size_t MqttClient::append(std::span<const std::uint8_t> piece) {
    if (!connected() || fault_ != MqttFault::none) return 0;
    const std::size_t count = std::min({piece.size(), streamLeft_, transport_.space()});
    if (count == 0) return 0;
    transport_.send(piece.first(count));
    streamLeft_ -= count;
    acknowledge();
    return count;
}

bool MqttClient::subscribe(std::span<const MqttSubscription> topics, std::uint16_t* id) {
    std::size_t remaining = 2;
    for (const MqttSubscription& topic : topics) remaining += textSize(topic.filter) + 1;
    if (!connected() || fault_ != MqttFault::none || topics.empty() ||
        !canSend(headerSize(remaining) + remaining)) {
        return false;
    }
    sendHeader(MqttPacket::subscribe, 2, remaining);
    sendNumber(nextId());
    if (id != nullptr) *id = lastId_;
    for (const MqttSubscription& topic : topics) {
        sendText(topic.filter);
        transport_.send({&topic.qos, 1});
    }
    return true;
}

bool MqttClient::unsubscribe(std::string_view filter) {
    const std::size_t remaining = 2 + textSize(filter);
    if (!connected() || fault_ != MqttFault::none || !canSend(headerSize(remaining) + remaining))
        return false;
    sendHeader(MqttPacket::unsubscribe, 2, remaining);
    sendNumber(nextId());
    sendText(filter);
    return true;
}

}  // namespace tinsmith::agent
