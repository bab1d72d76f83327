// NOR flash on the memory-mapped PSRAM: erases 4 KB pages to 0xFF, programs by AND, takes time, and
// is read-only to every store that does not come from here (MPU).
#pragma once

#include "firmware/boot/flash.hpp"

namespace tinsmith::board {

// Makes the flash read-only and execute-able for everybody. Call it once, early.
void protectFlash();

// While it lives, stores to the flash are possible. Interrupts may go on: no handler writes there.
class FlashWindow {
  public:
    FlashWindow();
    ~FlashWindow();
    FlashWindow(const FlashWindow&) = delete;
    FlashWindow& operator=(const FlashWindow&) = delete;
};

class FlashDriver final : public boot::Flash {
  public:
    [[nodiscard]] std::span<const std::uint8_t> view(std::uint32_t offset,
                                                     std::uint32_t size) const override;
    [[nodiscard]] bool erase(std::uint32_t offset) override;
    [[nodiscard]] bool program(std::uint32_t offset, std::span<const std::uint8_t> bytes) override;
};

}  // namespace tinsmith::board
