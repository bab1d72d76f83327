#include "handlers/flow/json.hpp"

#include <algorithm>

namespace tinsmith {

Json toJson(const Error& error) {
    Json json = {{"code", codeName(error.code)}, {"message", error.message}, {"hint", error.hint}};
    if (!error.path.empty()) json["path"] = error.path;
    return json;
}

Error errorFromJson(const Json& json) {
    if (!json.is_object())
        return {Code::internal, "an error was stored in an unknown form", "", ""};
    const auto text = [&](const char* key) {
        const auto it = json.find(key);
        return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    return {codeFromName(text("code")), text("message"), text("hint"), text("path")};
}

namespace {

// Depth is counted on the raw text so that a megabyte of brackets never becomes a tree.
int deepest(std::string_view text) {
    int depth = 0;
    int most = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            most = std::max(most, ++depth);
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return most;
}

}  // namespace

Result<Json> parseJson(std::string_view text, std::size_t maxBytes, int maxDepth) {
    if (text.size() > maxBytes) {
        return fail(Code::too_large, "the JSON text has " + std::to_string(text.size()) + " bytes",
                    "send at most " + std::to_string(maxBytes) + " bytes");
    }
    if (deepest(text) > maxDepth) {
        return fail(Code::bad_json, "the JSON text nests deeper than " + std::to_string(maxDepth),
                    "flatten it");
    }
    try {
        return Json::parse(text);
    } catch (const Json::exception& e) {
        return fail(Code::bad_json, e.what(), "send one JSON object in UTF-8");
    }
}

std::string canonical(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tinsmith
