#include "handlers/api/explain.hpp"

#include <charconv>

namespace tinsmith {

namespace {

constexpr std::size_t kShown = 60;  // bytes of a foreign value that a message repeats

std::string shown(const Json& value) {
    std::string text = canonical(value);
    if (text.size() > kShown) {
        // Cut between characters: a reply must stay valid UTF-8.
        std::size_t end = kShown;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
        text = text.substr(0, end) + "…";
    }
    return text;
}

std::string pointerTo(const std::string& base, const std::string& key) {
    std::string escaped;
    for (const char c : key.substr(0, 128)) {
        if (c == '~')
            escaped += "~0";
        else if (c == '/')
            escaped += "~1";
        else
            escaped += c;
    }
    return base + "/" + escaped;
}

const Json* member(const Json& object, const std::string& key) {
    if (!object.is_object()) return nullptr;
    const auto it = object.find(key);
    return it == object.end() ? nullptr : &*it;
}

const Json* element(const Json& value, const std::string& key) {
    if (value.is_object()) return member(value, key);
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    const bool number = error == std::errc() && end == key.data() + key.size();
    return value.is_array() && number && index < value.size() ? &value[index] : nullptr;
}

std::string types(const Json& type) {
    if (type.is_string()) return type.get<std::string>();
    std::string text;
    for (const Json& one : type) text += (text.empty() ? "" : " or ") + one.get<std::string>();
    return text;
}

// What the schema wants, as far as it says: "an integer, at least 1, at most 64".
std::string wanted(const Json& schema) {
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    if (const Json* values = member(schema, "enum")) {
        std::vector<std::string> names;
        for (const Json& value : *values) {
            names.push_back(value.is_string() ? value.get<std::string>() : canonical(value));
        }
        add("one of: " + joined(names));
    }
    if (const Json* value = member(schema, "const")) add("only " + canonical(*value));
    if (const Json* type = member(schema, "type")) add("type " + types(*type));
    const std::pair<const char*, const char*> bounds[] = {{"minimum", "at least "},
                                                          {"exclusiveMinimum", "above "},
                                                          {"maximum", "at most "},
                                                          {"minLength", "characters at least "},
                                                          {"maxLength", "characters at most "},
                                                          {"minItems", "items at least "},
                                                          {"maxItems", "items at most "}};
    for (const auto& [key, words] : bounds) {
        if (const Json* bound = member(schema, key)) add(words + canonical(*bound));
    }
    if (const Json* about = member(schema, "description")) {
        if (about->is_string()) text += " (" + about->get<std::string>() + ")";
    }
    return text.empty() ? "see the schema" : text;
}

}  // namespace

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

Error explain(const Json& schema, const Json& request, const std::vector<std::string>& where) {
    const Json* rule = &schema;
    const Json* value = &request;
    std::string path;
    for (const std::string& key : where) {
        const Json* next = element(*value, key);
        if (next == nullptr) break;
        value = next;
        path = pointerTo(path, key);
        const Json* properties = member(*rule, "properties");
        const Json* child =
            properties != nullptr ? member(*properties, key) : member(*rule, "items");
        if (child == nullptr) break;
        rule = child;
    }
    if (value->is_object()) {
        const Json* properties = member(*rule, "properties");
        std::vector<std::string> allowed;
        if (properties != nullptr) {
            for (const auto& [key, about] : properties->items()) allowed.push_back(key);
            for (const auto& [key, about] : value->items()) {
                if (properties->contains(key)) continue;
                return {Code::schema, "unknown key " + shown(Json(key)),
                        "allowed keys: " + joined(allowed), pointerTo(path, key)};
            }
        }
        if (const Json* required = member(*rule, "required")) {
            for (const Json& key : *required) {
                const auto name = key.get<std::string>();
                if (value->contains(name)) continue;
                const Json* about = properties != nullptr ? member(*properties, name) : nullptr;
                return {Code::schema, "'" + name + "' is missing",
                        "add it: " + (about != nullptr ? wanted(*about) : "it is required"),
                        pointerTo(path, name)};
            }
        }
    }
    return {Code::schema, shown(*value) + " does not fit here", "wanted: " + wanted(*rule), path};
}

}  // namespace tinsmith
