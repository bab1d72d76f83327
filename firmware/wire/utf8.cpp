#include "firmware/wire/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace tinsmith::wire {

bool validUtf8(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const auto first = static_cast<std::uint8_t>(text[at++]);
        if (first < 0x80) continue;
        const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0;
        if (more == 0 || first > 0xF4) return false;
        std::uint32_t point = first & (0x3Fu >> more);
        for (int i = 0; i < more; ++i) {
            if (at == text.size() || (text[at] & 0xC0) != 0x80) return false;
            point = point << 6 | (static_cast<std::uint8_t>(text[at++]) & 0x3Fu);
        }
        const bool overlong = point < (more == 3 ? 0x10000u : more == 2 ? 0x800u : 0x80u);
        if (overlong || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    }
    return true;
}

}  // namespace tinsmith::wire
