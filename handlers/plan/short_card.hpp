// The data card in few bytes, for models with a small context.
#pragma once

#include <string>

#include "handlers/flow/json.hpp"

namespace tinsmith::plan {

// The classes and what is wrong with the data first, statistics as far as there is room, each
// whole. About `most` bytes.
std::string shortCard(const Json& card, std::size_t most);

}  // namespace tinsmith::plan
