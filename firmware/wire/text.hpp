// Text of bounded length without heap; longer text is refused, never cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tinsmith::wire {

template <std::size_t Capacity>
class Text {
  public:
    Text() = default;

    [[nodiscard]] bool assign(std::string_view value) {
        if (value.size() > Capacity) return false;
        for (std::size_t i = 0; i < value.size(); ++i) chars_[i] = value[i];
        size_ = static_cast<std::uint8_t>(value.size());
        return true;
    }
    [[nodiscard]] std::string_view view() const { return {chars_, size_}; }
    friend bool operator==(const Text& a, const Text& b) { return a.view() == b.view(); }

  private:
    static_assert(Capacity <= 255);
    char chars_[Capacity] = {};
    std::uint8_t size_ = 0;
};

}  // namespace tinsmith::wire
