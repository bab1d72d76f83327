#include "handlers/preflight/files.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace tinsmith::preflight {

namespace fs = std::filesystem;

fs::path below(const fs::path& folder, const std::string& name) {
    const fs::path path(name);
    return path.is_absolute() ? path : folder / path;
}

Result<std::vector<std::uint8_t>> readFile(const fs::path& path, std::uint64_t maxBytes) {
    std::error_code error;
    const std::uint64_t size = fs::file_size(path, error);
    if (error) return fail(Code::bad_path, "cannot read " + path.string() + ": " + error.message());
    if (size > maxBytes)
        return fail(Code::too_large, path.string() + " has " + std::to_string(size) + " bytes");
    std::ifstream in(path, std::ios::binary);
    std::vector<std::uint8_t> bytes(size);
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
    if (!in) return fail(Code::bad_path, "cannot read " + path.string());
    return bytes;
}

Result<Json> readJsonFile(const fs::path& path) {
    constexpr std::size_t kMost = 16u << 20;
    const auto bytes = readFile(path, kMost);
    if (!bytes) return std::unexpected(bytes.error());
    auto json = parseJson({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, kMost);
    if (json && !json->is_object())
        return fail(Code::schema, path.string() + " is not a JSON object");
    return json;
}

Status writeFile(const fs::path& path, const void* bytes, std::size_t size) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    out.close();
    if (out) return {};
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return fail(full ? Code::storage_full : Code::internal,
                "cannot write " + path.string() + ": " + std::strerror(errno),
                full ? "free some space" : "see the owner of the state folder");
}

Result<std::string> requiredText(const Json& json, const char* key) {
    const auto it = json.find(key);
    if (it != json.end() && it->is_string()) return it->get<std::string>();
    return fail(Code::schema, std::string("\"") + key + "\" must be text", "",
                std::string("/") + key);
}

Result<std::uint64_t> numberIn(const Json& json, const char* key, std::uint64_t low,
                               std::uint64_t high, std::uint64_t otherwise) {
    const auto it = json.find(key);
    if (it == json.end() || it->is_null()) return otherwise;
    if (it->is_number_unsigned() && *it >= low && *it <= high) return it->get<std::uint64_t>();
    return fail(Code::schema,
                std::string("\"") + key + "\" must be a whole number from " + std::to_string(low) +
                    " to " + std::to_string(high),
                "", std::string("/") + key);
}

}  // namespace tinsmith::preflight
