// Other people's words inside a prompt: data, bounded, and unable to end the place they stand in.
#pragma once

#include <string>
#include <string_view>

#include "handlers/flow/json.hpp"

namespace tinsmith::plan {

// As JSON text with every '<' escaped, so that no text can close the tag around it; cut to `most`
// bytes and marked as cut.
std::string quoted(const Json& value, std::size_t most);

// Text that keeps its lines, '<' replaced; for plots, whose lines matter.
std::string quotedLines(std::string_view text, std::size_t most);

}  // namespace tinsmith::plan
