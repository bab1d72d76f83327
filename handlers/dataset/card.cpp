#include "handlers/dataset/card.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "handlers/dataset/spectrum.hpp"
#include "handlers/dataset/statistics.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::size_t kNames = 10;       // names shown of a long list
constexpr std::size_t kFrequencies = 3;  // dominant ones a channel
constexpr std::size_t kShownWarnings = 16;

// Four significant digits: enough to plan by, short to read, and no digits that mean nothing.
double rounded(double value) {
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 4)
            .ptr;
    double out = 0;
    std::from_chars(text.data(), end, out);
    return out;
}

Json windowsPerPart(const Dataset& d) {
    Json json = Json::object();
    for (const Part part : {Part::train, Part::validation, Part::test}) {
        std::vector<std::size_t> perClass(d.classes.size());
        std::size_t total = 0;
        for (const Segment& s : d.segments) {
            if (s.part != part) continue;
            perClass[static_cast<std::size_t>(s.label)] += windowCount(d, s);
            total += windowCount(d, s);
        }
        json[partName(part)] = {{"total", total}, {"per_class", perClass}};
    }
    return json;
}

Json groupsPerPart(const Dataset& d) {
    Json json = Json::object();
    for (const Part part : {Part::train, Part::validation, Part::test}) {
        std::set<std::string> groups;
        for (const Segment& s : d.segments) {
            if (s.part == part) groups.insert(s.group);
        }
        Json names = Json::array();
        for (const std::string& group : groups) {
            if (names.size() < kNames) names.push_back(group.substr(0, 40));
        }
        json[partName(part)] = {{"count", groups.size()}, {"names", std::move(names)}};
    }
    return json;
}

Json ranges(const Dataset& d, const Moments& seen) {
    Json json = Json::array();
    for (std::size_t c = 0; c < d.channels.size(); ++c) {
        json.push_back({{"channel", d.channels[c]},
                        {"min", rounded(seen.minimum(c))},
                        {"max", rounded(seen.maximum(c))},
                        {"mean", rounded(seen.mean(c))},
                        {"deviation", rounded(seen.deviation(c))}});
    }
    return json;
}

Json perClass(const Dataset& d) {
    Json json = Json::array();
    const std::size_t channels = d.channels.size();
    for (std::size_t label = 0; label < d.classes.size(); ++label) {
        Moments seen(channels);
        for (const Segment& s : d.segments) {
            if (s.part != Part::test && s.label == static_cast<int>(label)) seen.add(d, s);
        }
        Json means = Json::array();
        Json deviations = Json::array();
        Json rms = Json::array();
        for (std::size_t c = 0; c < channels && seen.count() > 0; ++c) {
            means.push_back(rounded(seen.mean(c)));
            deviations.push_back(rounded(seen.deviation(c)));
            rms.push_back(rounded(std::hypot(seen.mean(c), seen.deviation(c))));
        }
        Json frequencies = Json::array();
        for (const auto& peaks : dominantFrequencies(d, static_cast<int>(label), kFrequencies)) {
            Json list = Json::array();
            for (const double f : peaks) list.push_back(rounded(f));
            frequencies.push_back(std::move(list));
        }
        json.push_back({{"class", d.classes[label]},
                        {"mean", std::move(means)},
                        {"deviation", std::move(deviations)},
                        {"rms", std::move(rms)},
                        {"frequencies", std::move(frequencies)}});
    }
    return json;
}

Json listed(const std::vector<Warning>& warnings) {
    Json json = Json::array();
    for (const Warning& w : warnings) {
        if (json.size() == kShownWarnings) {
            json.push_back({{"code", "more"},
                            {"text", std::to_string(warnings.size() - kShownWarnings) + " more"}});
            break;
        }
        json.push_back({{"code", w.code}, {"text", w.text}});
    }
    return json;
}

std::size_t size(const Json& json) {
    return canonical(json).size();
}

// Details go first, until the card fits.
void shrink(Json& json) {
    if (size(json) > kMaxCardBytes) {
        for (Json& one : json["per_class"]) one.erase("frequencies");
    }
    if (size(json) > kMaxCardBytes) json.erase("per_class");
    for (const char* key : {"ranges", "warnings", "classes", "channels"}) {
        Json& list = json[key];
        while (size(json) > kMaxCardBytes && list.size() > 8) {
            list.erase(list.begin() + static_cast<std::ptrdiff_t>(list.size() / 2), list.end());
        }
    }
    for (auto& part : json["windows"]) {
        if (size(json) > kMaxCardBytes) part.erase("per_class");
    }
}

}  // namespace

Json card(const Dataset& d, const std::vector<Warning>& notes) {
    Moments seen(d.channels.size());
    for (const Segment& s : d.segments) {
        if (s.part != Part::test) seen.add(d, s);
    }
    std::vector<Warning> warnings = findWarnings(d);
    Json json = {{"sha256", digest(d)},
                 {"channels", d.channels},
                 {"units", d.units ? Json(*d.units) : Json()},
                 {"rate_hz", d.rateHz ? Json(*d.rateHz) : Json()},
                 {"window", {{"length", d.windowLength}, {"stride", d.windowStride}}},
                 {"classes", d.classes},
                 {"windows", windowsPerPart(d)},
                 {"groups", groupsPerPart(d)}};
    if (const std::size_t changes = labelChanges(d); changes > 0) json["label_changes"] = changes;
    if (d.picture) {
        json["picture"] = {{"rows", d.picture->rows}, {"columns", d.picture->columns}};
    }
    if (seen.count() > 0) {
        json["ranges"] = ranges(d, seen);
        json["per_class"] = perClass(d);
        if (const auto gravity = d.picture ? std::nullopt : findGravity(seen)) {
            json["gravity"] = {{"channel", d.channels[*gravity]},
                               {"value", rounded(seen.mean(*gravity))}};
        }
    }
    for (const Warning& note : notes) {
        if (note.code == "split")
            json["split"] = note.text;
        else
            warnings.push_back(note);
    }
    json["warnings"] = listed(warnings);
    shrink(json);
    return json;
}

}  // namespace tinsmith::dataset
