#include "handlers/build/board_file.hpp"

#include <cmath>
#include <toml.hpp>

namespace tinsmith::build {

struct BoardFile::Content {
    toml::value root;
};

namespace {

const char* const kHint = "build or install the board's firmware again";

std::unexpected<Error> wrong(const std::string& table, const std::string& key, const char* what) {
    return fail(Code::bad_data,
                "board.toml: " + (table.empty() ? "" : table + ".") + key + " " + what, kHint);
}

// toml11 throws where a key is missing.
const toml::value& find(const toml::value& root, const std::string& table, const std::string& key) {
    return toml::find(table.empty() ? root : toml::find(root, table), key);
}

}  // namespace

Result<BoardFile> BoardFile::open(const std::filesystem::path& boardFolder) {
    const auto path = boardFolder / "board.toml";
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
        return fail(Code::bad_path, "no board.toml in " + boardFolder.string(), kHint);
    }
    try {
        BoardFile file;
        file.content_ = std::make_shared<Content>(Content{toml::parse(path.string())});
        return file;
    } catch (const std::exception& e) {
        return fail(Code::bad_data, std::string("board.toml cannot be read: ") + e.what(), kHint);
    }
}

Result<double> BoardFile::number(const std::string& table, const std::string& key) const {
    try {
        const toml::value& value = find(content_->root, table, key);
        const double number =
            value.is_integer() ? static_cast<double>(value.as_integer()) : value.as_floating();
        if (!std::isfinite(number) || number < 0) return wrong(table, key, "is out of range");
        return number;
    } catch (const std::exception&) {
        return wrong(table, key, "is not a number");
    }
}

Result<std::string> BoardFile::text(const std::string& table, const std::string& key) const {
    try {
        return find(content_->root, table, key).as_string().str;
    } catch (const std::exception&) {
        return wrong(table, key, "is not text");
    }
}

Result<std::vector<std::string>> BoardFile::words(const std::string& table,
                                                  const std::string& key) const {
    try {
        auto words = toml::get<std::vector<std::string>>(find(content_->root, table, key));
        if (words.empty() || words[0].empty()) return wrong(table, key, "is empty");
        return words;
    } catch (const std::exception&) {
        return wrong(table, key, "is not a list of words");
    }
}

}  // namespace tinsmith::build
