#include "handlers/build/source_text.hpp"

#include <cstdio>
#include <limits>

namespace tinsmith::build {

std::string literal(std::string_view text) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-";
    std::string result = "\"";
    for (const char c : text) {
        if (kPlain.find(c) != std::string_view::npos) {
            result += c;
            continue;
        }
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\%03o",
                      static_cast<unsigned>(static_cast<unsigned char>(c)));
        result += escape;
    }
    return result + "\"";
}

std::string literal(float value) {
    char text[48];
    std::snprintf(text, sizeof text, "%aF", static_cast<double>(value));
    return text;
}

namespace {

std::string number(std::int8_t value) {
    return std::to_string(value);
}
std::string number(std::uint8_t value) {
    return std::to_string(value);
}
std::string number(float value) {
    return literal(value);
}
std::string number(std::uint32_t value) {
    return std::to_string(value);
}
std::string number(std::int32_t value) {
    // -2147483648 would be a minus before a number that does not fit.
    if (value == std::numeric_limits<std::int32_t>::min()) return "-2147483647 - 1";
    return std::to_string(value);
}

template <class T>
std::string array(std::string_view type, std::string_view name, std::span<const T> values) {
    std::string text = "constexpr " + std::string(type) + " " + std::string(name) + "[] = {";
    std::size_t column = 100;  // starts a line
    for (const T value : values) {
        const std::string item = number(value);
        if (column + item.size() > 96) {
            text += "\n   ";
            column = 3;
        }
        text += " " + item + ",";
        column += item.size() + 2;
    }
    return text + "};\n";
}

}  // namespace

std::string arrayOf(std::string_view type, std::string_view name,
                    std::span<const std::int8_t> values) {
    return array(type, name, values);
}
std::string arrayOf(std::string_view type, std::string_view name,
                    std::span<const std::uint8_t> values) {
    return array(type, name, values);
}
std::string arrayOf(std::string_view type, std::string_view name,
                    std::span<const std::int32_t> values) {
    return array(type, name, values);
}
std::string arrayOf(std::string_view type, std::string_view name,
                    std::span<const std::uint32_t> values) {
    return array(type, name, values);
}
std::string arrayOf(std::string_view type, std::string_view name, std::span<const float> values) {
    return array(type, name, values);
}

}  // namespace tinsmith::build
