// Fields of the JSON that another program wrote.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "handlers/flow/json.hpp"

namespace tinsmith::preflight {

inline constexpr std::size_t kMaxInputBytes = 16u << 20;  // of input.json and prepared.json

// `name` as it stands if absolute, else below `folder`.
std::filesystem::path below(const std::filesystem::path& folder, const std::string& name);

// A member of an object that must be there and be text; else `schema` with its path.
[[nodiscard]] Result<std::string> requiredText(const Json& json, const char* key);
// A number in range, or `otherwise` when the member is absent; else `schema`.
[[nodiscard]] Result<std::uint64_t> numberIn(const Json& json, const char* key, std::uint64_t low,
                                             std::uint64_t high, std::uint64_t otherwise);

}  // namespace tinsmith::preflight
