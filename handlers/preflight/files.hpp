// Reading what other programs wrote: bounded, and relative to the job's folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "handlers/flow/json.hpp"

namespace tinsmith::preflight {

// `name` as it stands if absolute, else below `folder`.
std::filesystem::path below(const std::filesystem::path& folder, const std::string& name);

// bad_path: cannot be read; too_large.
[[nodiscard]] Result<std::vector<std::uint8_t>> readFile(const std::filesystem::path& path,
                                                         std::uint64_t maxBytes);
[[nodiscard]] Result<Json> readJsonFile(const std::filesystem::path& path);
// storage_full or internal.
[[nodiscard]] Status writeFile(const std::filesystem::path& path, const void* bytes,
                               std::size_t size);

// A member of an object that must be there and be text; else `schema` with its path.
[[nodiscard]] Result<std::string> requiredText(const Json& json, const char* key);
// A number in range, or `otherwise` when the member is absent; else `schema`.
[[nodiscard]] Result<std::uint64_t> numberIn(const Json& json, const char* key, std::uint64_t low,
                                             std::uint64_t high, std::uint64_t otherwise);

}  // namespace tinsmith::preflight
