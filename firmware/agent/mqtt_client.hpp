// A small MQTT 3.1.1 client for one broker connection: QoS 0 and 1, keep-alive, last will, user and
// password, several topics a SUBSCRIBE, back-pressure in both directions. No heap, no sockets:
// bytes come and go through a port.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/agent/mqtt_parser.hpp"

namespace tinsmith::agent {

// Where the client's bytes go. The transport copies what it is given and sends it in order.
class MqttTransport {
  public:
    // Bytes that send() takes now.
    virtual std::size_t space() const = 0;
    // Takes all of `bytes`; never called with more than space().
    virtual void send(std::span<const std::uint8_t> bytes) = 0;
    // Ends the connection. The transport then calls MqttClient::closed().
    virtual void close() = 0;

  protected:
    ~MqttTransport() = default;
};

enum class MqttFault : std::uint8_t {
    none,
    refused,    // CONNACK with a return code: see MqttClient::connectCode()
    timeout,    // no CONNACK, or no PINGRESP, within the keep-alive time
    malformed,  // the broker broke the protocol
    lost,       // the transport closed
};

class MqttHandler {
  public:
    virtual void onConnected() = 0;
    // `topic` and `payload` are valid during the call only.
    virtual void onMessage(std::string_view topic, std::span<const std::uint8_t> payload,
                           bool retained) = 0;
    // The broker answered subscribe(): all of its topics were granted, or not.
    virtual void onSubscribed(std::uint16_t id, bool granted) = 0;
    // The broker acknowledged a QoS 1 publish().
    virtual void onAcknowledged(std::uint16_t id) = 0;
    virtual void onClosed(MqttFault fault) = 0;

  protected:
    ~MqttHandler() = default;
};

struct MqttOptions {
    std::string_view clientId;
    std::string_view user;       // empty: none
    std::string_view password;   // used with a user only
    std::string_view willTopic;  // empty: no will
    std::span<const std::uint8_t> willPayload;
    std::uint8_t willQos = 1;
    bool willRetain = true;
    std::uint16_t keepAliveS = 30;  // 0: off
};

struct MqttSubscription {
    std::string_view filter;
    std::uint8_t qos = 0;
};

class MqttClient {
  public:
    // `buffer` is for incoming packets: topic, payload and 4 bytes. Longer messages are skipped,
    // acknowledged and counted.
    MqttClient(MqttTransport& transport, MqttHandler& handler, std::span<std::uint8_t> buffer)
        : transport_(transport), handler_(handler), parser_(buffer) {}

    // The transport is connected: sends CONNECT (clean session). What `options` views must live
    // until then only. False where the transport has no space for it.
    [[nodiscard]] bool opened(const MqttOptions& options, std::uint64_t nowMs);

    // The transport lost its connection, or closed it as asked.
    void closed();

    // Bytes from the broker. Returns how many were taken: fewer than given while the last message's
    // acknowledgement has no room, or has to wait for the end of a long message. The rest is to be
    // given again later.
    [[nodiscard]] std::size_t receive(std::span<const std::uint8_t> bytes, std::uint64_t nowMs);

    // Keep-alive and time-outs; call it at least once a second.
    void poll(std::uint64_t nowMs);

    bool connected() const { return state_ == State::connected; }
    std::uint8_t connectCode() const { return connectCode_; }
    std::uint32_t skippedMessages() const { return skipped_; }

    // Each returns false without effect while not connected or the transport lacks the space: try
    // again later. `id`, where given, becomes the packet id that onAcknowledged() or onSubscribed()
    // will name.
    [[nodiscard]] bool publish(std::string_view topic, std::span<const std::uint8_t> payload,
                               std::uint8_t qos, bool retain, std::uint16_t* id = nullptr);
    [[nodiscard]] bool subscribe(std::span<const MqttSubscription> topics,
                                 std::uint16_t* id = nullptr);
    [[nodiscard]] bool unsubscribe(std::string_view filter);

    // A message longer than the transport's buffer, in pieces: begin, then append until everything
    // was taken. In between nothing else is sent. append() returns how many bytes were taken.
    [[nodiscard]] bool beginPublish(std::string_view topic, std::size_t payloadSize,
                                    std::uint8_t qos);
    [[nodiscard]] std::size_t append(std::span<const std::uint8_t> piece);

  private:
    enum class State : std::uint8_t { closed, connecting, connected };

    bool canSend(std::size_t total) const;
    void sendHeader(MqttPacket type, std::uint8_t flags, std::size_t remaining);
    void sendNumber(std::uint16_t value);
    void sendText(std::string_view text);
    std::uint16_t nextId();
    void handle(const MqttFrame& frame, std::uint64_t nowMs);
    void handlePublish(const MqttFrame& frame);
    void acknowledge();
    void fail(MqttFault fault);

    MqttTransport& transport_;
    MqttHandler& handler_;
    MqttParser parser_;
    State state_ = State::closed;
    MqttFault fault_ = MqttFault::none;
    std::uint8_t connectCode_ = 0;
    bool pinging_ = false;
    std::uint16_t keepAliveS_ = 0;
    std::uint16_t lastId_ = 0;
    std::uint16_t ackDue_ = 0;  // QoS 1 message that the handler took, still to be acknowledged
    std::size_t streamLeft_ = 0;
    std::uint64_t waitingSinceMs_ = 0;
    std::uint32_t skipped_ = 0;
};

}  // namespace tinsmith::agent
