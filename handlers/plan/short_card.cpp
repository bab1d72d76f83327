#include "handlers/plan/short_card.hpp"

#include <vector>

#include "handlers/plan/quote.hpp"

namespace tinsmith::plan {
namespace {

constexpr std::size_t kBriefWarning = 160;

// As many of the items as `most` bytes hold, and how many more there are.
std::string listText(const std::vector<std::string>& items, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (text.size() + items[i].size() > most)
            return text + "\n" + std::to_string(items.size() - i) + " more";
        text += items[i];
    }
    return text;
}

}  // namespace

std::string shortCard(const Json& card, std::size_t most) {
    std::vector<std::string> classes;
    for (const Json& name : card.value("classes", Json::array()))
        classes.push_back((classes.empty() ? "" : ", ") + quoted(name, kBriefWarning));
    std::vector<std::string> warnings;
    for (const Json& warning : card.value("warnings", Json::array())) {
        warnings.push_back("\n" + quoted(warning.value("code", ""), kBriefWarning) + ": " +
                           quoted(warning.value("text", ""), kBriefWarning));
    }
    std::string text = "classes: " + listText(classes, most / 3) +
                       "\nwarnings:" + (warnings.empty() ? " none" : "") +
                       listText(warnings, most / 2);
    for (const char* key :
         {"channels", "units", "rate_hz", "window", "picture", "windows", "ranges"}) {
        if (!card.contains(key)) continue;
        const bool counts = std::string_view(key) == "windows";
        const Json value = counts ? card[key].value("train", Json::object()) : card[key];
        const std::string part = std::string("\n") + (counts ? "train windows" : key) + ": " +
                                 quoted(value, std::string::npos);
        if (text.size() + part.size() <= most) text += part;
    }
    return text;
}

}  // namespace tinsmith::plan
