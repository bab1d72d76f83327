#include "handlers/api/names.hpp"

#include <cstdint>

namespace tinsmith {

namespace {

// Bytes of the UTF-8 sequence at the front of `text`, 0 when it is no valid one (RFC 3629: no
// surrogates, shortest form).
std::size_t sequenceLength(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return 1;
    std::size_t length = 0;
    std::uint32_t point = 0;
    if (first >= 0xC2 && first < 0xE0)
        length = 2, point = first & 0x1Fu;
    else if (first >= 0xE0 && first < 0xF0)
        length = 3, point = first & 0x0Fu;
    else if (first >= 0xF0 && first < 0xF5)
        length = 4, point = first & 0x07u;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0u) != 0x80u) return 0;
        point = point << 6 | (byte(i) & 0x3Fu);
    }
    const bool shortest = length == 2 || (length == 3 && point >= 0x800) ||
                          (length == 4 && point >= 0x10000 && point <= 0x10FFFF);
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    return shortest && !surrogate ? length : 0;
}

}  // namespace

bool isId(std::string_view text) {
    if (text.empty() || text.size() > 64) return false;
    bool named = false;
    for (const char c : text) {
        const bool alphanumeric =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alphanumeric && c != '_' && c != '.' && c != '-') return false;
        named = named || alphanumeric;
    }
    return named;
}

bool isLabel(std::string_view text, std::size_t maxBytes) {
    if (text.empty() || text.size() > maxBytes) return false;
    while (!text.empty()) {
        const auto first = static_cast<std::uint8_t>(text[0]);
        if (first < 0x20 || first == 0x7F) return false;
        const std::size_t length = sequenceLength(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace tinsmith
