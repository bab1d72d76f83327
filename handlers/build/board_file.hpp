// Reading `board.toml` without exceptions; private to handlers/build.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith::build {

class BoardFile {
  public:
    // bad_path: no such file; bad_data: not TOML.
    [[nodiscard]] static Result<BoardFile> open(const std::filesystem::path& boardFolder);

    // `table` "" = the top. bad_data where the key is missing or of another kind; a number must be
    // at least 0.
    [[nodiscard]] Result<double> number(const std::string& table, const std::string& key) const;
    [[nodiscard]] Result<std::string> text(const std::string& table, const std::string& key) const;
    // A command: at least one word, the first not empty.
    [[nodiscard]] Result<std::vector<std::string>> words(const std::string& table,
                                                         const std::string& key) const;

  private:
    struct Content;
    std::shared_ptr<const Content> content_;
};

}  // namespace tinsmith::build
