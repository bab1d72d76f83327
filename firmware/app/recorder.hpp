// The `sample` command: sends raw windows of the sensor to the gateway, with or without a model in
// the firmware.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/app/window_buffer.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::app {

class Recorder {
  public:
    // Begins the recording that a `sample` command asks for, or ends it at `stop_sample`. A shape
    // that no window buffer holds ends it too.
    void command(const wire::Command& command);

    // Call once for each sample that was pushed to the buffer. True where a window of the recording
    // is complete now.
    [[nodiscard]] bool windowDue(std::size_t channels);

    // The complete window, empty unless windowDue() was just true.
    [[nodiscard]] std::span<const float> window(const WindowBuffer& buffer) const {
        return buffer.latest(length_);
    }

    // A Sample message up to its values, which come last; the window follows as float32 LE. Returns
    // its size.
    using Head = std::array<std::uint8_t, 64>;
    [[nodiscard]] std::size_t encodeHead(Head& out) const;

    // The window was published.
    void sent();

    bool active() const { return active_; }

  private:
    bool active_ = false;
    wire::Text<32> id_;
    std::uint8_t channels_ = 0;
    std::uint16_t length_ = 0;
    std::uint16_t stride_ = 0;
    std::uint32_t left_ = 0;  // windows; 0 = no limit
    std::uint32_t index_ = 0;
    WindowCounter counter_;
};

}  // namespace tinsmith::app
