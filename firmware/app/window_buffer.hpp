// The latest samples of the sensor, laid out so that the newest `length` of them are always one
// contiguous window.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tinsmith::app {

inline constexpr std::size_t kMaxWindowFloats = 2048;  // of one window: length * channels

class WindowBuffer {
  public:
    // Appends one sample. Another number of channels than before starts afresh.
    void push(std::span<const float> sample);

    // The newest `length` samples; empty while there are fewer, or if they would be more than
    // kMaxWindowFloats.
    [[nodiscard]] std::span<const float> latest(std::size_t length) const;

    std::size_t channels() const { return channels_; }

    // Samples since the number of channels last changed.
    std::uint64_t count() const { return count_; }

  private:
    // A quarter more than a window: when it is full, the newest window moves down.
    std::array<float, kMaxWindowFloats + kMaxWindowFloats / 4> floats_{};
    std::size_t channels_ = 0;
    std::size_t used_ = 0;
    std::uint64_t count_ = 0;
};

// Says when a consumer's next window is complete: the first after `length` samples, then one every
// `stride`.
class WindowCounter {
  public:
    void restart(std::uint32_t length, std::uint32_t stride) {
        left_ = length;
        stride_ = stride == 0 ? 1 : stride;
    }
    // Call once a sample.
    [[nodiscard]] bool due() {
        if (--left_ != 0) return false;
        left_ = stride_;
        return true;
    }

  private:
    std::uint32_t left_ = 1;
    std::uint32_t stride_ = 1;
};

}  // namespace tinsmith::app
