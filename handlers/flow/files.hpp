// Bounded, atomic and contained access to files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "handlers/flow/json.hpp"

namespace tinsmith {

// The real path of `relative` below `root`. bad_path: absolute, a `..` or NUL in it, missing, or a
// symbolic link on the way leaves `root`.
[[nodiscard]] Result<std::filesystem::path> resolveBelow(const std::filesystem::path& root,
                                                         std::string_view relative);

// The whole regular file. too_large beyond `maxBytes`; bad_path: missing, or a link, pipe or folder
// in its place.
[[nodiscard]] Result<std::string> readFile(const std::filesystem::path& path, std::size_t maxBytes);

// The same parsed; `schema` where it is no JSON object.
[[nodiscard]] Result<Json> readJsonFile(const std::filesystem::path& path, std::size_t maxBytes);

// Replaces what was there; neither atomic nor durable. storage_full or internal.
[[nodiscard]] Status writeFile(const std::filesystem::path& path, std::string_view bytes);

// The pieces one after the other: temporary file beside `path`, fsync, rename, fsync of the folder.
// storage_full or internal on failure; the temporary is gone then.
[[nodiscard]] Status writeAtomically(const std::filesystem::path& path,
                                     std::span<const std::string_view> pieces);

// Text as bytes; and the bytes of whatever values, as std::as_bytes gives them, as text.
[[nodiscard]] std::span<const std::uint8_t> bytesOf(std::string_view text);
[[nodiscard]] std::string_view textOf(std::span<const std::byte> bytes);

}  // namespace tinsmith
