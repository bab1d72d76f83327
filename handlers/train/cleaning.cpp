#include "handlers/train/cleaning.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <unordered_set>

namespace tinsmith::train {
namespace {

using Windows = std::vector<dataset::WindowRef>;

std::size_t valuesOf(const dataset::Dataset& data) {
    return data.windowLength * data.channels.size();
}

Status drop(const plan::Cleaning& how, const dataset::Dataset& data, const std::string& path,
            Windows& windows) {
    const auto label = std::ranges::find(data.classes, how.className);
    if (!how.className.empty() && label == data.classes.end()) {
        return fail(Code::schema, "there is no such class to drop",
                    "name one of the dataset's classes", path + "/class");
    }
    const bool grouped = std::ranges::any_of(
        data.segments, [&](const dataset::Segment& each) { return each.group == how.group; });
    if (!how.group.empty() && !grouped) {
        return fail(Code::schema, "there is no such group to drop",
                    "name one of the dataset's groups", path + "/group");
    }
    const auto index = static_cast<int>(label - data.classes.begin());
    std::erase_if(windows, [&](const dataset::WindowRef& window) {
        return (how.className.empty() || window.label == index) &&
               (how.group.empty() || data.segments[window.segment].group == how.group);
    });
    return {};
}

void dedupe(const dataset::Dataset& data, Windows& windows) {
    const std::size_t bytes = valuesOf(data) * sizeof(float);
    std::unordered_set<std::string_view> seen;
    std::erase_if(windows, [&](const dataset::WindowRef& window) {
        return !seen.emplace(reinterpret_cast<const char*>(window.samples), bytes).second;
    });
}

void dropOutliers(double deviations, const dataset::Dataset& data, Windows& windows) {
    const std::size_t channels = data.channels.size();
    const std::size_t values = valuesOf(data);
    std::vector<double> sum(channels), squares(channels), least(channels), most(channels);
    for (const auto& window : windows) {
        for (std::size_t i = 0; i < values; ++i) {
            sum[i % channels] += window.samples[i];
            squares[i % channels] += double{window.samples[i]} * window.samples[i];
        }
    }
    const double count = static_cast<double>(windows.size() * data.windowLength);
    for (std::size_t c = 0; c < channels; ++c) {
        const double mean = sum[c] / count;
        const double away = deviations * std::sqrt(std::max(0.0, squares[c] / count - mean * mean));
        least[c] = mean - away;
        most[c] = mean + away;
    }
    std::erase_if(windows, [&](const dataset::WindowRef& window) {
        for (std::size_t i = 0; i < values; ++i) {
            const double value = window.samples[i];
            if (value < least[i % channels] || value > most[i % channels]) return true;
        }
        return false;
    });
}

}  // namespace

Result<Windows> cleaned(const std::vector<plan::Cleaning>& cleaning, const dataset::Dataset& data,
                        Windows windows) {
    for (std::size_t i = 0; i < cleaning.size() && !windows.empty(); ++i) {
        switch (cleaning[i].kind) {
            case plan::CleaningKind::drop: {
                const std::string path = "/plan/cleaning/" + std::to_string(i);
                if (auto ok = drop(cleaning[i], data, path, windows); !ok)
                    return std::unexpected(ok.error());
                break;
            }
            case plan::CleaningKind::dedupe:
                dedupe(data, windows);
                break;
            case plan::CleaningKind::outliers:
                dropOutliers(cleaning[i].deviations, data, windows);
                break;
        }
    }
    if (!windows.empty() || cleaning.empty()) return windows;
    return fail(Code::bad_data, "cleaning leaves no train window", "drop less", "/plan/cleaning");
}

}  // namespace tinsmith::train
