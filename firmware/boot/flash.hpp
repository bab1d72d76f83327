// The flash as boot loader and agent see it: memory-mapped NOR. Erase sets a page to 0xFF,
// programming can only clear bits. Implementations refuse anything that crosses the flash's end.
#pragma once

#include <cstdint>
#include <span>

namespace tinsmith::boot {

class Flash {
  public:
    // Empty when out of range.
    [[nodiscard]] virtual std::span<const std::uint8_t> view(std::uint32_t offset,
                                                             std::uint32_t size) const = 0;
    // Erases the page that starts at `offset` (a multiple of kPageSize).
    [[nodiscard]] virtual bool erase(std::uint32_t offset) = 0;
    // ANDs `bytes` into the flash; any alignment.
    [[nodiscard]] virtual bool program(std::uint32_t offset,
                                       std::span<const std::uint8_t> bytes) = 0;

  protected:
    ~Flash() = default;
};

}  // namespace tinsmith::boot
