#include "firmware/wire/sensor_frame.hpp"

#include <algorithm>
#include <bit>

namespace tinsmith::wire {

namespace {

constexpr std::uint8_t kFirst = 0xA5, kSecond = 0x5A;

constexpr std::size_t frameBytes(std::uint8_t channels) {
    return 4 + std::size_t{4} * channels + 1;
}

}  // namespace

std::uint8_t crc8(std::span<const std::uint8_t> bytes) {
    std::uint8_t crc = 0;
    for (std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) {
            crc = static_cast<std::uint8_t>(crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1);
        }
    }
    return crc;
}

std::size_t encodeSensorFrame(std::span<const float> values, std::uint8_t sequence,
                              std::span<std::uint8_t> out) {
    if (values.empty() || values.size() > kMaxChannels) return 0;
    const auto channels = static_cast<std::uint8_t>(values.size());
    const std::size_t size = frameBytes(channels);
    if (size > out.size()) return 0;
    out[0] = kFirst;
    out[1] = kSecond;
    out[2] = channels;
    out[3] = sequence;
    std::size_t at = 4;
    for (float value : values) {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        for (int shift = 0; shift < 32; shift += 8)
            out[at++] = static_cast<std::uint8_t>(bits >> shift);
    }
    out[at] = crc8(out.subspan(2, at - 2));
    return size;
}

bool SensorDecoder::startIsPlausible() const {
    return (used_ < 1 || buffer_[0] == kFirst) && (used_ < 2 || buffer_[1] == kSecond) &&
           (used_ < 3 || (buffer_[2] >= 1 && buffer_[2] <= kMaxChannels));
}

void SensorDecoder::dropFirstByte() {
    --used_;
    std::copy_n(buffer_.begin() + 1, used_, buffer_.begin());
}

void SensorDecoder::takeFrame() {
    frame_.channels = buffer_[2];
    frame_.sequence = buffer_[3];
    for (std::size_t c = 0; c < frame_.channels; ++c) {
        std::uint32_t bits = 0;
        for (std::size_t i = 4; i-- > 0;) bits = bits << 8 | buffer_[4 + 4 * c + i];
        frame_.values[c] = std::bit_cast<float>(bits);
    }
}

bool SensorDecoder::push(std::uint8_t byte) {
    buffer_[used_++] = byte;
    while (used_ != 0) {
        if (!startIsPlausible()) {
            if (used_ > 2) ++badFrames_;  // had both start bytes
            dropFirstByte();
            continue;
        }
        if (used_ < 3 || used_ < frameBytes(buffer_[2])) return false;
        const std::size_t size = frameBytes(buffer_[2]);
        if (crc8(std::span(buffer_).subspan(2, size - 3)) != buffer_[size - 1]) {
            ++badFrames_;
            dropFirstByte();
            continue;
        }
        takeFrame();
        // After a resync the buffer may hold the beginning of the next frame already.
        used_ -= size;
        std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(size), used_, buffer_.begin());
        return true;
    }
    return false;
}

}  // namespace tinsmith::wire
