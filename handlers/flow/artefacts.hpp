// Files named by their SHA-256: models, datasets, images, prompts. Immutable once there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "handlers/flow/result.hpp"

namespace tinsmith {

class Artefacts {
  public:
    explicit Artefacts(std::filesystem::path folder) : folder_(std::move(folder)) {}

    // Writes temporary file, fsync, rename, fsync of the folder; the caller then journals the
    // digest. Returns the digest. Fails with storage_full or internal. The same bytes twice are one
    // file.
    [[nodiscard]] Result<std::string> put(std::string_view bytes);
    // Takes over a file (copied, so that job folders may lie on another disk).
    [[nodiscard]] Result<std::string> putFile(const std::filesystem::path& file);
    [[nodiscard]] std::filesystem::path path(const std::string& digest) const;
    [[nodiscard]] Result<std::string> read(const std::string& digest) const;
    // Removes every file whose digest is not in `keep`, and temporary files. Returns the bytes
    // freed.
    std::uint64_t sweep(const std::set<std::string>& keep);
    [[nodiscard]] std::uint64_t bytes() const;

  private:
    std::filesystem::path folder_;
};

}  // namespace tinsmith
