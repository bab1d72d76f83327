#include "firmware/agent/mqtt_parser.hpp"

#include <algorithm>
#include <cstring>

namespace tinsmith::agent {

void MqttParser::reset() {
    state_ = State::type;
    shift_ = 0;
    length_ = 0;
    seen_ = 0;
    frame_ = {};
}

MqttParser::Status MqttParser::finish() {
    const std::size_t kept = std::min<std::size_t>(length_, buffer_.size());
    frame_ = {.type = static_cast<std::uint8_t>(first_ >> 4),
              .flags = static_cast<std::uint8_t>(first_ & 15),
              .body = buffer_.first(kept),
              .whole = length_ <= buffer_.size()};
    state_ = State::type;
    return Status::frame;
}

MqttParser::Status MqttParser::take(std::span<const std::uint8_t>& input) {
    while (!input.empty()) {
        if (state_ == State::type) {
            first_ = input.front();
            input = input.subspan(1);
            shift_ = 0;
            length_ = 0;
            seen_ = 0;
            state_ = State::length;
        } else if (state_ == State::length) {
            const std::uint8_t byte = input.front();
            input = input.subspan(1);
            length_ |= static_cast<std::uint32_t>(byte & 0x7F) << shift_;
            shift_ += 7;
            if (byte & 0x80) {
                if (shift_ == 28) return Status::malformed;  // at most four length bytes
                continue;
            }
            state_ = State::body;
            if (length_ == 0) return finish();
        } else {
            const std::size_t count = std::min<std::size_t>(input.size(), length_ - seen_);
            if (seen_ < buffer_.size()) {
                const std::size_t room = std::min<std::size_t>(count, buffer_.size() - seen_);
                std::memcpy(buffer_.data() + seen_, input.data(), room);
            }
            seen_ += static_cast<std::uint32_t>(count);
            input = input.subspan(count);
            if (seen_ == length_) return finish();
        }
    }
    return Status::needMore;
}

bool parsePublish(const MqttFrame& frame, MqttPublish& out) {
    const std::span<const std::uint8_t> body = frame.body;
    out = {};
    out.qos = frame.flags >> 1 & 3;
    out.retain = frame.flags & 1;
    out.duplicate = frame.flags & 8;
    if (out.qos == 3 || body.size() < 2) return false;
    const std::size_t topicLength = static_cast<std::size_t>(body[0]) << 8 | body[1];
    std::size_t offset = 2 + topicLength;
    if (topicLength == 0 || offset > body.size()) return false;
    out.topic = {reinterpret_cast<const char*>(body.data()) + 2, topicLength};
    if (out.qos > 0) {
        if (offset + 2 > body.size()) return false;
        out.id = static_cast<std::uint16_t>(body[offset] << 8 | body[offset + 1]);
        if (out.id == 0) return false;
        offset += 2;
    }
    out.payload = body.subspan(offset);
    return true;
}

}  // namespace tinsmith::agent
