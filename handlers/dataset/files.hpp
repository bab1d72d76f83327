// Bounded, atomic and contained access to files: everything the dataset stages read or write goes
// through here.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "handlers/flow/result.hpp"

namespace tinsmith::dataset {

// The real path of `relative` below `root`. bad_path: absolute, a `..` or NUL in it, missing, or a
// symbolic link on the way leaves `root`.
[[nodiscard]] Result<std::filesystem::path> resolveBelow(const std::filesystem::path& root,
                                                         std::string_view relative);

// The whole regular file. too_large beyond `maxBytes`; bad_path: missing or no regular file.
[[nodiscard]] Result<std::string> readFile(const std::filesystem::path& path, std::size_t maxBytes);

// The pieces one after the other: temporary file beside `path`, fsync, rename, fsync of the folder.
// storage_full or internal on failure; the temporary is gone then.
[[nodiscard]] Status writeAtomically(const std::filesystem::path& path,
                                     std::span<const std::string_view> pieces);

}  // namespace tinsmith::dataset
