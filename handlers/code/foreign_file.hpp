// Files that a caged child left behind: what lies under a name may be anything.
#pragma once

#include <filesystem>
#include <string>

#include "handlers/flow/result.hpp"

namespace tinsmith::code {

// The content of a regular file with no other name, never of what a link leads to; bad_data where
// it is something else or larger than `most`.
[[nodiscard]] Result<std::string> readForeignFile(const std::filesystem::path& file,
                                                  std::size_t most);

}  // namespace tinsmith::code
