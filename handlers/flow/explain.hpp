// Words for a value that its JSON Schema refuses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith {

// The first misfit of `value`, which `schema` (draft 7, as far as our schemas use it) refuses:
// "/training/epochs is 0" with the hint "1 to 1000". The error's path is the JSON pointer (RFC
// 6901) of what is wrong, for an unknown or missing key that key's.
Error explain(const Json& schema, const Json& value);

// The same error where the value stands elsewhere: `from`, at the start of its path and of its
// message, becomes `to`.
Error moved(Error error, std::string_view from, std::string_view to);

// "a, b, c"
std::string joined(const std::vector<std::string>& names);

}  // namespace tinsmith
