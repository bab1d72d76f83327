#include "firmware/app/recorder.hpp"

namespace tinsmith::app {

void Recorder::command(const wire::Command& command) {
    if (command.kind == wire::CommandKind::stop_sample) {
        active_ = false;
        return;
    }
    if (command.kind != wire::CommandKind::sample) return;
    id_ = command.id;
    channels_ = command.channels;
    length_ = command.length;
    stride_ = command.stride;
    left_ = command.count;
    index_ = 0;
    counter_.restart(length_, stride_);
    active_ = channels_ > 0 && length_ > 0 && std::size_t{length_} * channels_ <= kMaxWindowFloats;
}

bool Recorder::windowDue(std::size_t channels) {
    return active_ && channels == channels_ && counter_.due();
}

std::size_t Recorder::encodeHead(Head& out) const {
    wire::Sample sample{
        .id = id_, .index = index_, .channels = channels_, .length = length_, .values = {}};
    const std::size_t size = wire::encode(sample, out);
    if (size == 0 || size + 4 > out.size()) return 0;
    // An empty byte string is the single last byte; a long one begins with its length (RFC 8949,
    // section 3).
    const std::size_t bytes = std::size_t{length_} * channels_ * sizeof(float);
    std::size_t end = size - 1;
    if (bytes < 24) {
        out[end++] = static_cast<std::uint8_t>(0x40 | bytes);
    } else if (bytes < 256) {
        out[end++] = 0x58;
        out[end++] = static_cast<std::uint8_t>(bytes);
    } else {
        out[end++] = 0x59;
        out[end++] = static_cast<std::uint8_t>(bytes >> 8);
        out[end++] = static_cast<std::uint8_t>(bytes);
    }
    return end;
}

void Recorder::sent() {
    ++index_;
    if (left_ == 0) return;  // no limit
    --left_;
    active_ = left_ != 0;
}

}  // namespace tinsmith::app
