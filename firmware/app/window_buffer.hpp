// The latest samples of the sensor as floats, for feature blocks and recordings.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "firmware/app/sliding.hpp"

namespace tinsmith::app {

inline constexpr std::size_t kMaxWindowFloats = 2048;  // of one window: length * channels

class WindowBuffer {
  public:
    WindowBuffer() = default;
    WindowBuffer(const WindowBuffer&) = delete;
    WindowBuffer& operator=(const WindowBuffer&) = delete;

    // Appends one sample. Another number of channels than before starts afresh.
    void push(std::span<const float> sample) { sliding_.push(sample); }

    // The newest `length` samples; empty while there are fewer, or if they would be more than
    // kMaxWindowFloats.
    [[nodiscard]] std::span<const float> latest(std::size_t length) const {
        return sliding_.latest(length);
    }

    std::size_t channels() const { return sliding_.channels(); }

  private:
    std::array<float, slidingSize(kMaxWindowFloats)> floats_{};
    Sliding<float> sliding_{floats_, kMaxWindowFloats};
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
