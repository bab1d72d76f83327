#include "daemon/settings_reader.hpp"

#include <algorithm>
#include <sstream>

#include "handlers/api/names.hpp"

namespace tinsmith::daemon {

namespace fs = std::filesystem;

namespace {

std::string text(const char* key, const toml::value& value) {
    if (!value.is_string())
        throw Refusal(value, std::string(key) + " must be a string", "write it in quotes");
    return value.as_string().str;
}

std::string right(const std::string& asker, const toml::value& entry) {
    const std::set<std::string> verbs = {"regenerate", "retrain", "requantize",
                                         "rollout",    "dataset", "model",
                                         "device",     "job",     "health"};
    const std::string given = entry.is_string() ? entry.as_string().str : std::string();
    const auto point = given.find('.');
    if (given != "*" && (!verbs.contains(given.substr(0, point)) ||
                         (point != std::string::npos && !isId(given.substr(point + 1))))) {
        throw Refusal(entry, "askers." + asker + ".allow: '" + given + "' is no right",
                      "\"*\", a verb like \"regenerate\", or a verb and an action like "
                      "\"dataset.import\"");
    }
    return given;
}

std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
        }
    }
    return row[b.size()];
}

}  // namespace

std::string shortest(double number) {
    std::ostringstream out;
    out << number;
    return out.str();
}

void SettingsReader::operator()(const char* key, LlmKind& place) {
    const auto* value = find(key);
    if (!value) return;
    const std::string given = text(key, *value);
    for (const LlmKind kind : {LlmKind::openai, LlmKind::anthropic, LlmKind::ollama}) {
        if (given != llmKindName(kind)) continue;
        place = kind;
        return;
    }
    throw Refusal(*value, std::string(key) + " is unknown", "one of openai, anthropic, ollama");
}

std::vector<toml::value> SettingsReader::listOf(const std::string& section) {
    used_.insert(section);
    if (!root_.contains(section)) return {};
    const toml::value& list = root_.at(section);
    const bool good = list.is_array() && std::ranges::all_of(list.as_array(), [](const auto& each) {
                          return each.is_table();
                      });
    if (!good) {
        throw Refusal(list, section + " must be a list of tables",
                      "write [[" + section + "]] on a line of its own, once for each");
    }
    return {list.as_array().begin(), list.as_array().end()};
}

void SettingsReader::operator()(const char* key, std::string& place) {
    if (const auto* value = find(key)) place = text(key, *value);
}

void SettingsReader::operator()(const char* key, fs::path& place) {
    const auto* value = find(key);
    if (!value) return;
    const std::string given = text(key, *value);
    place = given.empty() || given == kAuto ? fs::path(given) : (base_ / given).lexically_normal();
}

void SettingsReader::operator()(const char* key, bool& place) {
    const auto* value = find(key);
    if (!value) return;
    if (!value->is_boolean())
        throw Refusal(*value, std::string(key) + " must be true or false",
                      "write it without quotes");
    place = value->as_boolean();
}

void SettingsReader::operator()(const char* key, Level& place) {
    const auto* value = find(key);
    if (!value) return;
    const auto level = levelFromName(text(key, *value));
    if (!level)
        throw Refusal(*value, std::string(key) + " is unknown",
                      "one of error, warning, notice, info, debug");
    place = *level;
}

void SettingsReader::operator()(const char* key, double& place, double least, double most) {
    const auto* value = find(key);
    if (!value) return;
    if (!value->is_floating() && !value->is_integer()) {
        throw Refusal(*value, std::string(key) + " must be a number", "write it without quotes");
    }
    const double number =
        value->is_floating() ? value->as_floating() : static_cast<double>(value->as_integer());
    if (!(number >= least && number <= most)) {
        throw Refusal(*value, std::string(key) + " is out of range",
                      shortest(least) + " to " + shortest(most));
    }
    place = number;
}

std::optional<std::int64_t> SettingsReader::whole(const char* key, std::int64_t least,
                                                  std::int64_t most) {
    const auto* value = find(key);
    if (!value) return std::nullopt;
    if (!value->is_integer()) {
        throw Refusal(*value, std::string(key) + " must be a whole number",
                      "write it without quotes and without a point");
    }
    if (value->as_integer() < least || value->as_integer() > most) {
        throw Refusal(*value, std::string(key) + " is out of range",
                      std::to_string(least) + " to " + std::to_string(most));
    }
    return value->as_integer();
}

void SettingsReader::operator()(const char* key, std::vector<double>& place) {
    const auto* value = find(key);
    if (!value) return;
    const std::string remedy = "shares of the group, rising to 1.0, like [0.25, 1.0]";
    if (!value->is_array() || value->as_array().empty())
        throw Refusal(*value, std::string(key) + " must be a list", remedy);
    std::vector<double> shares;
    for (const auto& entry : value->as_array()) {
        const double share = entry.is_floating()  ? entry.as_floating()
                             : entry.is_integer() ? static_cast<double>(entry.as_integer())
                                                  : -1;
        const double before = shares.empty() ? 0 : shares.back();
        if (!(share > before && share <= 1))
            throw Refusal(*value, std::string(key) + " must rise", remedy);
        shares.push_back(share);
    }
    if (shares.back() < 1) throw Refusal(*value, std::string(key) + " must end at 1.0", remedy);
    place = std::move(shares);
}

// [askers.NAME] allow = ["…"]
void SettingsReader::askers(std::map<std::string, Rights>& place) {
    used_.insert("askers");
    if (!root_.contains("askers")) return;
    const toml::value& all = root_.at("askers");
    if (!all.is_table()) throw Refusal(all, "askers must be a table", "write [askers.NAME]");
    for (const auto& [name, asker] : all.as_table()) {
        if (!isId(name))
            throw Refusal(asker, "'" + name + "' is no name for an asker", std::string(kIdRule));
        if (!asker.is_table() || asker.as_table().size() != 1 || !asker.contains("allow") ||
            !asker.at("allow").is_array()) {
            throw Refusal(asker, "askers." + name + " needs `allow`, a list, and nothing else",
                          "allow = [\"*\"]");
        }
        Rights rights;
        for (const auto& entry : asker.at("allow").as_array())
            rights.allow.push_back(right(name, entry));
        place[name] = std::move(rights);
    }
}

void SettingsReader::refuseUnknown() const {
    for (const auto& [section, table] : root_.as_table()) {
        if (used_.contains(section)) continue;
        if (!table.is_table() || !sections_.contains(section))
            throw Refusal(table, "unknown key " + section, nearest(section));
        for (const auto& [key, value] : table.as_table()) {
            const std::string name = section + "." + key;
            if (!used_.contains(name)) throw Refusal(value, "unknown key " + name, nearest(name));
        }
    }
}

const toml::value* SettingsReader::find(const std::string& key) {
    used_.insert(key);
    const auto point = key.find('.');
    const std::string section = key.substr(0, point);
    sections_.insert(section);
    if (!root_.contains(section)) return nullptr;
    const toml::value& table = root_.at(section);
    if (!table.is_table())
        throw Refusal(table, section + " must be a table",
                      "write [" + section + "] on a line of its own");
    const std::string name = key.substr(point + 1);
    return table.contains(name) ? &table.at(name) : nullptr;
}

// The known key with the fewest letters changed, for typing mistakes.
std::string SettingsReader::nearest(const std::string& unknown) const {
    std::string best;
    std::size_t least = 4;
    std::set<std::string> names = used_;
    names.insert(sections_.begin(), sections_.end());
    for (const auto& known : names) {
        const std::size_t changes = distance(unknown, known);
        if (changes < least) {
            least = changes;
            best = known;
        }
    }
    return best.empty() ? "see the documented keys in the shipped tinsmithd.toml"
                        : "did you mean " + best + "?";
}

}  // namespace tinsmith::daemon
