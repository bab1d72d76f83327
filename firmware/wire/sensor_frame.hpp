// The sensor port's frames, one a sample, on a byte stream that may lose or corrupt bytes:
// 0xA5 0x5A, u8 channels (1..16), u8 sequence, channels x float32 LE, CRC-8 (polynomial 0x07, start
// 0) over everything from the channel count to the last float byte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tinsmith::wire {

inline constexpr std::size_t kMaxChannels = 16;
inline constexpr std::size_t kMaxFrameBytes = 4 + 4 * kMaxChannels + 1;

[[nodiscard]] std::uint8_t crc8(std::span<const std::uint8_t> bytes);

// Bytes written; 0 when there are no or too many values or `out` is too small.
[[nodiscard]] std::size_t encodeSensorFrame(std::span<const float> values, std::uint8_t sequence,
                                            std::span<std::uint8_t> out);

struct SensorFrame {
    std::uint8_t channels = 0;
    std::uint8_t sequence = 0;
    std::array<float, kMaxChannels> values{};
};

// Takes bytes one by one. After a bad frame it looks for the next start inside the bytes it already
// has, so one corrupted byte costs one frame.
class SensorDecoder {
  public:
    // True when this byte completed a good frame, which frame() then holds until the next true.
    [[nodiscard]] bool push(std::uint8_t byte);
    [[nodiscard]] const SensorFrame& frame() const { return frame_; }
    [[nodiscard]] std::uint32_t badFrames() const { return badFrames_; }

  private:
    [[nodiscard]] bool startIsPlausible() const;
    void dropFirstByte();
    void takeFrame();

    std::array<std::uint8_t, kMaxFrameBytes> buffer_{};
    std::size_t used_ = 0;
    SensorFrame frame_;
    std::uint32_t badFrames_ = 0;
};

}  // namespace tinsmith::wire
