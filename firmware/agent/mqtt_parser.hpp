// MQTT 3.1.1 packets out of a byte stream (OASIS MQTT Version 3.1.1, sections 2 and 3), with one
// fixed buffer and however the stream is cut into pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tinsmith::agent {

enum class MqttPacket : std::uint8_t {
    connect = 1,
    connack = 2,
    publish = 3,
    puback = 4,
    subscribe = 8,
    suback = 9,
    unsubscribe = 10,
    unsuback = 11,
    pingreq = 12,
    pingresp = 13,
    disconnect = 14,
};

struct MqttFrame {
    std::uint8_t type = 0;   // MqttPacket, unchecked
    std::uint8_t flags = 0;  // lower four bits of the first byte
    // Variable header and payload. Of a packet longer than the buffer only the first bytes, see
    // `whole`.
    std::span<const std::uint8_t> body;
    bool whole = true;
};

class MqttParser {
  public:
    enum class Status : std::uint8_t { needMore, frame, malformed };

    // `buffer` holds the largest packet body that is wanted whole; of longer ones the first bytes
    // are kept.
    explicit MqttParser(std::span<std::uint8_t> buffer) : buffer_(buffer) {}

    void reset();

    // Takes bytes off the front of `input` until a packet is complete or `input` is empty. After
    // `frame`, frame() is valid until the next call. After `malformed` only reset() helps: the
    // length field was not a valid one.
    [[nodiscard]] Status take(std::span<const std::uint8_t>& input);

    const MqttFrame& frame() const { return frame_; }

  private:
    enum class State : std::uint8_t { type, length, body };

    Status finish();

    std::span<std::uint8_t> buffer_;
    State state_ = State::type;
    std::uint8_t first_ = 0;
    unsigned shift_ = 0;
    std::uint32_t length_ = 0;
    std::uint32_t seen_ = 0;
    MqttFrame frame_;
};

// The parts of a PUBLISH body; `id` is 0 at QoS 0.
struct MqttPublish {
    std::string_view topic;
    std::span<const std::uint8_t> payload;
    std::uint16_t id = 0;
    std::uint8_t qos = 0;
    bool retain = false;
    bool duplicate = false;
};

// False where the body is not a valid PUBLISH (topic longer than the body, QoS 3, packet id 0 …).
// Of a frame that is not whole, topic and id are still found if they lie in the part that was kept.
[[nodiscard]] bool parsePublish(const MqttFrame& frame, MqttPublish& out);

}  // namespace tinsmith::agent
