// Text on the wire is UTF-8 (RFC 3629); what is not would only fail later, where it is turned into
// JSON.
#pragma once

#include <string_view>

namespace tinsmith::wire {

[[nodiscard]] bool validUtf8(std::string_view text);

}  // namespace tinsmith::wire
