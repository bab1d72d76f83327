// Reads settings out of TOML: each key at its place, refusals with line and remedy.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <toml.hpp>
#include <utility>
#include <vector>

#include "daemon/llm/options.hpp"
#include "daemon/log.hpp"
#include "handlers/flow/settings.hpp"

namespace tinsmith::daemon {

// A path that is found out where the settings do not name one.
inline constexpr const char* kAuto = "auto";

// Leaves through loadSettings only, as an Error.
struct Refusal : std::runtime_error {
    Refusal(const std::string& what, std::string remedy)
        : std::runtime_error(what), hint(std::move(remedy)) {}
    Refusal(const toml::value& value, const std::string& what, std::string remedy)
        : std::runtime_error(value.location().file_name() + ":" +
                             std::to_string(value.location().line()) + ": " + what),
          hint(std::move(remedy)) {}
    std::string hint;
};

// Short decimal form.
std::string shortest(double number);

class SettingsReader {
  public:
    SettingsReader(const toml::value& root, std::filesystem::path base)
        : root_(root), base_(std::move(base)) {}

    // A key is "section.name"; its place stays as it is where the file does not have it.
    void operator()(const char* key, std::string& place);
    void operator()(const char* key, std::filesystem::path& place);
    void operator()(const char* key, bool& place);
    void operator()(const char* key, Level& place);
    void operator()(const char* key, LlmKind& place);
    void operator()(const char* key, double& place, double least, double most);
    void operator()(const char* key, std::vector<double>& place);
    template <std::integral Number>
    void operator()(const char* key, Number& place, std::int64_t least, std::int64_t most) {
        if (const auto number = whole(key, least, most)) place = static_cast<Number>(*number);
    }
    // [askers.NAME] allow = ["…"]
    void askers(std::map<std::string, Rights>& place);
    // [[section]]: `visit` reads each table's keys with a reader of its own.
    template <class Item, class Visit>
    void tables(const std::string& section, std::vector<Item>& place, Visit visit) {
        for (const toml::value& table : listOf(section)) {
            const toml::value alone(toml::table{{section, table}});
            SettingsReader reader(alone, base_);
            visit(place.emplace_back(), reader);
            reader.refuseUnknown();
        }
    }
    void refuseUnknown() const;

  private:
    [[nodiscard]] std::optional<std::int64_t> whole(const char* key, std::int64_t least,
                                                    std::int64_t most);
    [[nodiscard]] std::vector<toml::value> listOf(const std::string& section);
    const toml::value* find(const std::string& key);
    [[nodiscard]] std::string nearest(const std::string& unknown) const;

    const toml::value& root_;
    std::filesystem::path base_;
    std::set<std::string> used_;
    std::set<std::string> sections_;
};

}  // namespace tinsmith::daemon
