#include "handlers/dataset/folds.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace tinsmith::dataset {
namespace {

std::set<std::string> groupsOf(const Dataset& data, Part part) {
    std::set<std::string> groups;
    for (const Segment& segment : data.segments) {
        if (segment.part == part) groups.insert(segment.group);
    }
    return groups;
}

std::set<int> classesOf(const std::vector<Segment>& segments, Part part) {
    std::set<int> classes;
    for (const Segment& segment : segments) {
        if (segment.part == part) classes.insert(segment.label);
    }
    return classes;
}

// `count` of the names, evenly spread, others for each fold.
std::set<std::string> chosen(const std::set<std::string>& names, std::size_t count,
                             std::size_t fold) {
    const std::vector<std::string> list(names.begin(), names.end());
    const std::size_t step = std::max<std::size_t>(1, list.size() / count);
    std::set<std::string> some;
    for (std::size_t i = 0; some.size() < std::min(count, list.size()); ++i)
        some.insert(list[(fold - 1 + i * step + i * step / list.size()) % list.size()]);
    return some;
}

}  // namespace

bool takeFold(Dataset& data, std::size_t fold) {
    if (fold == 0) return true;
    const auto train = groupsOf(data, Part::train);
    const auto validation = groupsOf(data, Part::validation);
    const bool shared =
        std::ranges::any_of(validation, [&](const auto& each) { return train.contains(each); });
    if (shared || train.empty() || validation.empty()) return false;
    const auto some = chosen(train, validation.size(), fold);
    std::vector<Segment> segments = data.segments;
    for (Segment& segment : segments) {
        if (segment.part == Part::test) continue;
        segment.part = some.contains(segment.group) ? Part::validation : Part::train;
    }
    for (const Part part : {Part::train, Part::validation}) {
        if (classesOf(segments, part) != classesOf(data.segments, part)) return false;
    }
    data.segments = std::move(segments);
    return true;
}

}  // namespace tinsmith::dataset
