#include "handlers/preflight/fields.hpp"

namespace tinsmith::preflight {

namespace fs = std::filesystem;

fs::path below(const fs::path& folder, const std::string& name) {
    const fs::path path(name);
    return path.is_absolute() ? path : folder / path;
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
