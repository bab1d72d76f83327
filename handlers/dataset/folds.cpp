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

constexpr std::size_t kTimes = 5;

// Which of so many pieces is validation: not the neighbour of the one before.
std::size_t pieceOf(std::size_t fold) {
    return (2 * fold - 1) % kTimes;
}

// What is not test, row after row; validation is one of so many equal pieces of it.
std::vector<Segment> cutByTime(const Dataset& data, std::size_t fold) {
    std::size_t rows = 0;
    for (const Segment& segment : data.segments)
        rows += segment.part == Part::test ? 0 : segment.samples;
    const std::size_t piece = pieceOf(fold);
    const std::size_t from = rows * piece / kTimes;
    const std::size_t to = rows * (piece + 1) / kTimes;
    std::vector<Segment> cut;
    std::size_t at = 0;
    for (const Segment& segment : data.segments) {
        if (segment.part == Part::test) {
            cut.push_back(segment);
            continue;
        }
        std::size_t done = 0;
        while (done < segment.samples) {
            const std::size_t now = at + done;
            const std::size_t end = now < from ? from : now < to ? to : rows;
            Segment part = segment;
            part.samples = std::min(segment.samples - done, end - now);
            part.offset += done * data.channels.size();
            part.follows = segment.follows || done > 0;
            part.part = now >= from && now < to ? Part::validation : Part::train;
            done += part.samples;
            cut.push_back(std::move(part));
        }
        at += segment.samples;
    }
    return cut;
}

// Recordings that stand for themselves, class by class in their order; validation is one of so many
// equal pieces of each class. Empty where a class has too few.
std::vector<Segment> cutByOrder(const Dataset& data, std::size_t fold) {
    std::vector<std::size_t> count(data.classes.size()), seen(data.classes.size());
    for (const Segment& segment : data.segments) {
        if (segment.part != Part::test) ++count[static_cast<std::size_t>(segment.label)];
    }
    if (std::ranges::any_of(count, [](std::size_t n) { return n > 0 && n < kTimes; })) return {};
    const std::size_t piece = pieceOf(fold);
    std::vector<Segment> cut = data.segments;
    for (Segment& segment : cut) {
        if (segment.part == Part::test) continue;
        const auto label = static_cast<std::size_t>(segment.label);
        const bool inside = seen[label]++ * kTimes / count[label] == piece;
        segment.part = inside ? Part::validation : Part::train;
    }
    return cut;
}

// Takes the segments over unless a part lacks a class then.
bool take(Dataset& data, std::vector<Segment> segments) {
    for (const Part part : {Part::train, Part::validation}) {
        if (classesOf(segments, part) != classesOf(data.segments, part)) return false;
    }
    data.segments = std::move(segments);
    return true;
}

}  // namespace

bool takeFold(Dataset& data, std::size_t fold) {
    if (fold == 0) return true;
    const auto train = groupsOf(data, Part::train);
    const auto validation = groupsOf(data, Part::validation);
    const bool shared =
        std::ranges::any_of(validation, [&](const auto& each) { return train.contains(each); });
    if (train.empty() || validation.empty()) return false;
    if (shared && labelChanges(data) > 0) return take(data, cutByTime(data, fold));
    if (shared && std::ranges::any_of(data.segments, &Segment::follows)) return false;
    if (shared) return take(data, cutByOrder(data, fold));
    const auto some = chosen(train, validation.size(), fold);
    std::vector<Segment> segments = data.segments;
    for (Segment& segment : segments) {
        if (segment.part == Part::test) continue;
        segment.part = some.contains(segment.group) ? Part::validation : Part::train;
    }
    return take(data, std::move(segments));
}

}  // namespace tinsmith::dataset
