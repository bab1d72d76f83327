// Words for a value that its JSON Schema refuses.
#pragma once

#include <string>
#include <vector>

#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith {

// `where`: keys and indices from the root to the refused value. The error's path is its JSON
// pointer (RFC 6901), for an unknown or missing key that key's; its hint says what would be right:
// allowed keys, values, type, bounds.
Error explain(const Json& schema, const Json& request, const std::vector<std::string>& where);

// "a, b, c"
std::string joined(const std::vector<std::string>& names);

}  // namespace tinsmith
