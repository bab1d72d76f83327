// Tokens by the length of a text: what budgets go by where a server does not count.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "handlers/flow/ports.hpp"

namespace tinsmith::daemon {

// Rather too many than too few: a token is 3.5 bytes here, in English 4 to 5.
[[nodiscard]] std::int64_t estimatedTokens(std::size_t bytes);
[[nodiscard]] std::int64_t estimatedTokens(const std::vector<ChatMessage>& messages);

// Rather too few: repeated characters count once, as in tables and plots, of which one token may be
// a long row.
[[nodiscard]] std::int64_t leastTokens(const std::vector<ChatMessage>& messages);

// So long a text is more than `tokens`, whatever it says.
[[nodiscard]] std::size_t mostBytes(std::int64_t tokens);

}  // namespace tinsmith::daemon
