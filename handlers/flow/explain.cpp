#include "handlers/flow/explain.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "handlers/flow/text.hpp"

namespace tinsmith {

namespace {

constexpr std::size_t kShown = 60;  // bytes of a foreign value that a message repeats
constexpr std::size_t kNamed = 5;   // unknown keys that a message names
constexpr int kDeepestRule = 64;    // of rules in rules, should a schema name itself
constexpr std::size_t kPathShown = 200;

std::string cut(const std::string& text, std::size_t most) {
    return text.size() <= most ? text : cutText(text, most) + "…";
}

std::string shown(const Json& value) {
    return cut(canonical(value), kShown);
}

std::string pointerTo(const std::string& base, const std::string& key) {
    return (Json::json_pointer(base) / cutText(key, 128)).to_string();
}

// How a message names the value at `path`.
std::string nameOf(const std::string& path) {
    return path.empty() ? "it" : cut(path, kPathShown);
}

const Json* member(const Json& object, const std::string& key) {
    if (!object.is_object()) return nullptr;
    const auto it = object.find(key);
    return it == object.end() ? nullptr : &*it;
}

bool isA(const Json& value, const std::string& type) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    return type == "null" && value.is_null();
}

bool hasType(const Json& rule, const Json& value) {
    const Json* type = member(rule, "type");
    if (type == nullptr) return true;
    if (type->is_string()) return isA(value, type->get<std::string>());
    return std::ranges::any_of(*type,
                               [&](const Json& one) { return isA(value, one.get<std::string>()); });
}

std::string typesOf(const Json& type) {
    if (type.is_string()) return type.get<std::string>();
    std::string text;
    for (const Json& one : type) text += (text.empty() ? "" : " or ") + one.get<std::string>();
    return text;
}

// What of a value has a bound: itself, or how much is in it.
struct Measure {
    const char* least;
    const char* most;
    const char* what;
};
constexpr Measure kNumber = {"minimum", "maximum", ""};
constexpr Measure kText = {"minLength", "maxLength", " characters"};
constexpr Measure kList = {"minItems", "maxItems", " items"};
constexpr Measure kKeys = {"minProperties", "maxProperties", " keys"};

std::size_t characters(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

bool between(const Json& rule, const Measure& measure, double value) {
    const Json* least = member(rule, measure.least);
    const Json* most = member(rule, measure.most);
    return (least == nullptr || value >= least->get<double>()) &&
           (most == nullptr || value <= most->get<double>());
}

bool isWithin(const Json& rule, const Json& value) {
    if (value.is_number()) {
        const double number = value.get<double>();
        const Json* above = member(rule, "exclusiveMinimum");
        return between(rule, kNumber, number) &&
               (above == nullptr || number > above->get<double>());
    }
    if (value.is_string()) {
        return between(rule, kText, static_cast<double>(characters(value.get<std::string>())));
    }
    if (value.is_array()) {
        const bool unique = rule.value("uniqueItems", false);
        const bool twice =
            unique && std::set<Json>(value.begin(), value.end()).size() < value.size();
        return !twice && between(rule, kList, static_cast<double>(value.size()));
    }
    if (value.is_object()) return between(rule, kKeys, static_cast<double>(value.size()));
    return true;
}

bool isAmong(const Json& rule, const Json& value) {
    const Json* values = member(rule, "enum");
    const Json* only = member(rule, "const");
    return (values == nullptr || std::ranges::find(*values, value) != values->end()) &&
           (only == nullptr || *only == value);
}

// "1 to 400", "at least 1", "above 0, at most 1", "1 to 8 items"; empty where nothing is bounded.
std::string boundsOf(const Json& rule, const Measure& measure) {
    const Json* least = member(rule, measure.least);
    const Json* most = member(rule, measure.most);
    std::string text;
    if (least != nullptr && most != nullptr) {
        text = *least == *most ? canonical(*least) : canonical(*least) + " to " + canonical(*most);
    } else if (least != nullptr) {
        text = "at least " + canonical(*least);
    } else if (most != nullptr) {
        text = "at most " + canonical(*most);
    }
    return text.empty() ? text : text + measure.what;
}

// What the rule wants, as far as it says: "type integer, 1 to 64 (what it is for)".
std::string wanted(const Json& rule, bool withType) {
    std::string text;
    const auto add = [&](const std::string& part) {
        if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
    };
    if (const Json* values = member(rule, "enum")) {
        std::vector<std::string> names;
        for (const Json& value : *values) {
            names.push_back(value.is_string() ? value.get<std::string>() : canonical(value));
        }
        add("one of " + joined(names));
    }
    if (const Json* value = member(rule, "const")) add("only " + canonical(*value));
    if (const Json* type = member(rule, "type"); type != nullptr && withType)
        add("type " + typesOf(*type));
    if (const Json* bound = member(rule, "exclusiveMinimum")) add("above " + canonical(*bound));
    for (const Measure& measure : {kNumber, kText, kList, kKeys}) add(boundsOf(rule, measure));
    if (rule.value("uniqueItems", false)) add("none twice");
    if (const Json* about = member(rule, "description"); about != nullptr && about->is_string())
        text += (text.empty() ? "(" : " (") + about->get<std::string>() + ")";
    return text.empty() ? "see the schema" : text;
}

// Walks value and schema together.
class Finder {
  public:
    explicit Finder(const Json& root) : root_(root) {}

    [[nodiscard]] std::optional<Error> misfit(const Json& given, const Json& value,
                                              const std::string& path, int depth = 0) const {
        const Json& rule = *resolved(given);
        if (!rule.is_object() || depth > kDeepestRule) return std::nullopt;
        const bool typed = hasType(rule, value);
        if (!typed || !isAmong(rule, value) || !isWithin(rule, value)) {
            return Error{Code::schema, nameOf(path) + " is " + shown(value), wanted(rule, !typed),
                         path};
        }
        if (auto fault = inKeys(rule, value, path)) return fault;
        if (auto fault = inParts(rule, value, path, depth)) return fault;
        return inConditions(rule, value, path, depth);
    }

  private:
    [[nodiscard]] const Json* resolved(const Json& rule) const {
        const Json* place = member(rule, "$ref");
        if (place == nullptr || !place->is_string()) return &rule;
        const auto text = place->get<std::string>();
        const Json::json_pointer pointer(text.substr(std::min<std::size_t>(1, text.size())));
        return root_.contains(pointer) ? &root_.at(pointer) : &rule;
    }

    [[nodiscard]] std::optional<Error> inKeys(const Json& rule, const Json& value,
                                              const std::string& path) const {
        if (!value.is_object()) return std::nullopt;
        const Json properties = rule.value("properties", Json::object());
        std::vector<std::string> unknown;
        const Json* others = member(rule, "additionalProperties");
        for (const auto& [key, about] : value.items()) {
            if (others != nullptr && *others == false && !properties.contains(key))
                unknown.push_back(key);
        }
        if (!unknown.empty()) {
            std::vector<std::string> allowed;
            for (const auto& [key, about] : properties.items()) allowed.push_back(key);
            return Error{Code::schema,
                         nameOf(path) + " has " +
                             (unknown.size() == 1 ? "an unknown key " : "unknown keys ") +
                             quotedKeys(unknown),
                         "it may have " + joined(allowed), pointerTo(path, unknown.front())};
        }
        std::vector<std::string> missing;
        std::string add;
        for (const Json& required : rule.value("required", Json::array())) {
            const auto key = required.get<std::string>();
            if (value.contains(key)) continue;
            missing.push_back(key);
            const Json* about = member(properties, key);
            add += (add.empty() ? "add \"" : "; \"") + key +
                   "\": " + (about != nullptr ? wanted(*resolved(*about), true) : "it is required");
        }
        if (missing.empty()) return std::nullopt;
        return Error{Code::schema, nameOf(path) + " has no " + quotedKeys(missing), add,
                     pointerTo(path, missing.front())};
    }

    [[nodiscard]] std::optional<Error> inParts(const Json& rule, const Json& value,
                                               const std::string& path, int depth) const {
        if (const Json* properties = member(rule, "properties")) {
            for (const auto& [key, about] : properties->items()) {
                const Json* part = member(value, key);
                if (part == nullptr) continue;
                if (auto fault = misfit(about, *part, pointerTo(path, key), depth + 1))
                    return fault;
            }
        }
        const Json* items = member(rule, "items");
        if (items == nullptr || !value.is_array()) return std::nullopt;
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (auto fault = misfit(*items, value[i], path + "/" + std::to_string(i), depth + 1))
                return fault;
        }
        return std::nullopt;
    }

    // "if" holds → "then" must.
    [[nodiscard]] std::optional<Error> inConditions(const Json& rule, const Json& value,
                                                    const std::string& path, int depth) const {
        const Json* condition = member(rule, "if");
        const Json* then = member(rule, "then");
        if (condition != nullptr && then != nullptr &&
            !misfit(*condition, value, path, depth + 1)) {
            if (auto fault = misfit(*then, value, path, depth + 1)) return fault;
        }
        for (const Json& part : rule.value("allOf", Json::array())) {
            if (auto fault = misfit(part, value, path, depth + 1)) return fault;
        }
        return std::nullopt;
    }

    static std::string quotedKeys(const std::vector<std::string>& keys) {
        std::vector<std::string> names;
        for (const std::string& key : keys) {
            if (names.size() == kNamed) {
                names.emplace_back("…");
                break;
            }
            names.push_back(shown(Json(key)));
        }
        return joined(names);
    }

    const Json& root_;
};

}  // namespace

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

Error explain(const Json& schema, const Json& value) {
    if (auto fault = Finder(schema).misfit(schema, value, "")) return *fault;
    return {Code::schema, shown(value) + " does not fit", "see the schema", ""};
}

Error moved(Error error, std::string_view from, std::string_view to) {
    for (std::string* text : {&error.path, &error.message}) {
        if (text->starts_with(from)) text->replace(0, from.size(), to);
    }
    return error;
}

}  // namespace tinsmith
