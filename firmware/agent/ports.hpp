// What the update agent needs from the application. Topics are relative to the gateway's root
// (firmware/wire/topics.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/wire/messages.hpp"

namespace tinsmith::agent {

class Outbox {
  public:
    // False = no room now; the agent tries again at its next poll.
    [[nodiscard]] virtual bool publish(std::string_view topic,
                                       std::span<const std::uint8_t> payload, bool retain) = 0;
    // Must reach the broker before anything that is published later.
    [[nodiscard]] virtual bool subscribe(std::string_view filter) = 0;
    virtual void unsubscribe(std::string_view filter) = 0;

  protected:
    ~Outbox() = default;
};

class Host {
  public:
    // Resets the microcontroller once what was published has been sent (wait half a second at
    // most).
    virtual void reset() = 0;
    // Commands that are the application's: sample and stop_sample.
    virtual void command(const wire::Command& command) = 0;

  protected:
    ~Host() = default;
};

}  // namespace tinsmith::agent
