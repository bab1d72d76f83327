#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith {

// SHA-256 in lower-case hex.
std::string sha256Hex(std::string_view bytes);
[[nodiscard]] Result<std::string> sha256File(const std::filesystem::path& path);

std::string toHex(std::span<const std::uint8_t> bytes);
// Fails with bad_data on an odd length or another character.
[[nodiscard]] Result<std::vector<std::uint8_t>> fromHex(std::string_view hex);

}  // namespace tinsmith
