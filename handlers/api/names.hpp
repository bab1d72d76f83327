// Names that may become a topic level, a journal key or a file name: request ids, askers, models,
// datasets, devices …
#pragma once

#include <string>
#include <string_view>

#include "handlers/flow/result.hpp"

namespace tinsmith {

inline constexpr std::string_view kIdRule =
    "1 to 64 of A-Z a-z 0-9 _ . - with a letter or digit among them";

// [A-Za-z0-9_.-]{1,64} with a letter or digit in it, so that "." and ".." are no names.
bool isId(std::string_view text);

// A label or text of people: 1 to `maxBytes` bytes of valid UTF-8 without control characters.
bool isLabel(std::string_view text, std::size_t maxBytes = 64);

}  // namespace tinsmith
