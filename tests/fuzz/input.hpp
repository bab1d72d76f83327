// Cuts a fuzzer's bytes into steps, for targets that are driven by several messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tinsmith::fuzz {

class Input {
  public:
    explicit Input(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    // 0 at the end.
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const std::uint8_t first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }
    // A length byte, then so many bytes, or what is left.
    std::span<const std::uint8_t> bytes() {
        const std::size_t size = byte();
        const auto part = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(part.size());
        return part;
    }

  private:
    std::span<const std::uint8_t> rest_;
};

}  // namespace tinsmith::fuzz
