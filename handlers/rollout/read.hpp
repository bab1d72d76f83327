// Reads fields of our own journal records; a field of another type reads as missing, so that a
// record of another version never throws.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/json.hpp"

namespace tinsmith::rollout {

inline std::string textOf(const Json& json, const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

inline std::int64_t numberOf(const Json& json, const char* key, std::int64_t otherwise = 0) {
    const auto it = json.find(key);
    return it != json.end() && it->is_number() ? it->get<std::int64_t>() : otherwise;
}

inline bool flagOf(const Json& json, const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_boolean() && it->get<bool>();
}

inline std::vector<std::string> textsOf(const Json& json, const char* key) {
    std::vector<std::string> texts;
    const auto it = json.find(key);
    if (it == json.end() || !it->is_array()) return texts;
    for (const Json& item : *it) {
        if (item.is_string()) texts.push_back(item.get<std::string>());
    }
    return texts;
}

// Foreign text as valid UTF-8: what is not becomes U+FFFD, so that it can go into JSON.
inline std::string printable(std::string_view text) {
    const std::string quoted = canonical(Json(std::string(text)));
    return Json::parse(quoted).get<std::string>();
}

}  // namespace tinsmith::rollout
