#pragma once

#include <nlohmann/json.hpp>

#include "handlers/flow/result.hpp"

namespace tinsmith {

using Json = nlohmann::json;

// The error object of replies, job states and child outputs.
Json toJson(const Error& error);
Error errorFromJson(const Json& json);

// Parses without throwing; bytes beyond `maxBytes` and nesting beyond `maxDepth` are refused before
// any tree is built.
[[nodiscard]] Result<Json> parseJson(std::string_view text, std::size_t maxBytes = 1 << 20,
                                     int maxDepth = 32);

// Text with a stable key order and no spaces: the form that digests are taken over. Invalid UTF-8
// is replaced.
std::string canonical(const Json& json);

}  // namespace tinsmith
