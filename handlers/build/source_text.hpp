// C++ source text from data: numbers that read back bit for bit, and strings that cannot leave
// their quotes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tinsmith::build {

// A string literal; everything but letters, digits, space, '.', '_' and '-' becomes an octal
// escape, so that no label can end the literal or start anything.
std::string literal(std::string_view text);

// A float in hexadecimal, exact. The value must be finite.
std::string literal(float value);

// "constexpr <type> <name>[] = {…};\n", with line breaks.
std::string arrayOf(std::string_view type, std::string_view name,
                    std::span<const std::int8_t> values);
std::string arrayOf(std::string_view type, std::string_view name,
                    std::span<const std::uint8_t> values);
std::string arrayOf(std::string_view type, std::string_view name,
                    std::span<const std::int32_t> values);
std::string arrayOf(std::string_view type, std::string_view name,
                    std::span<const std::uint32_t> values);
std::string arrayOf(std::string_view type, std::string_view name, std::span<const float> values);

}  // namespace tinsmith::build
