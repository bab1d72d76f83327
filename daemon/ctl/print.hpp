// Words and tables on the terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/json.hpp"

namespace tinsmith::ctl {

// Control characters and broken UTF-8 of foreign text must not reach a terminal.
std::string printable(std::string_view text);
// The same for texts of several lines, which stay lines.
std::string printableLines(std::string_view text);

// One line a row of `rows` (objects) with the values at `columns`, under a header. "a/b" reaches
// into an object.
std::string table(const Json& rows, const std::vector<std::string>& columns);

// "key=value key=value" of an object, short values only.
std::string facts(const Json& object);

// "[########............] 40 %"
std::string bar(int percent, int width = 20);

// An error on stderr: message, then "→ hint".
void complain(const Error& error);

}  // namespace tinsmith::ctl
