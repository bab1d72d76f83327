#include "handlers/dataset/parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace tinsmith::dataset {
namespace {

constexpr double kShare = 0.2;         // of validation, and of test
constexpr std::size_t kFewGroups = 5;  // fewer than that cannot be cut by group into three parts

std::size_t wholeWindows(const Uncut& s, const Shape& shape) {
    return s.samples / shape.windowLength;
}

Segment settle(const Uncut& s, Part part) {
    return {s.label, s.group, part, s.samples, s.offset, s.follows};
}

std::set<std::string> groupsOf(const std::vector<Uncut>& segments) {
    std::set<std::string> groups;
    for (const Uncut& s : segments) groups.insert(s.group);
    return groups;
}

// Indices 0..count-1 so that every beginning of the list is spread over the whole range (van der
// Corput sequence): groups whose names are ordered, such as speeds, are then sampled from the
// inside and not from one end.
std::vector<std::size_t> spreadOrder(std::size_t count) {
    std::size_t span = 1;
    while (span < count) span *= 2;
    std::vector<std::size_t> order;
    std::vector<bool> taken(count);
    const auto take = [&](std::size_t i) {
        if (!taken[i]) order.push_back(i);
        taken[i] = true;
    };
    for (std::size_t k = 1; k < span; ++k) {
        double fraction = 0;
        double step = 0.5;
        for (std::size_t bits = k; bits > 0; bits /= 2, step /= 2) {
            if (bits % 2 == 1) fraction += step;
        }
        take(static_cast<std::size_t>(fraction * static_cast<double>(count)));
    }
    for (std::size_t i = 0; i < count; ++i) take(i);
    return order;
}

// Groups that together hold about `share` of every class and all of none. Nothing where a class
// would stay without.
std::optional<std::set<std::string>> chooseGroups(const std::vector<Uncut>& segments,
                                                  const Shape& shape, double share) {
    std::map<std::string, std::vector<double>> perGroup;
    std::vector<double> total(shape.classes);
    for (const Uncut& s : segments) {
        auto& counts =
            perGroup.try_emplace(s.group, std::vector<double>(shape.classes)).first->second;
        const auto n = static_cast<double>(wholeWindows(s, shape));
        counts[static_cast<std::size_t>(s.label)] += n;
        total[static_cast<std::size_t>(s.label)] += n;
    }
    std::vector<const std::string*> names;
    for (const auto& [name, counts] : perGroup) names.push_back(&name);

    std::set<std::string> chosen;
    std::vector<double> have(shape.classes);
    // First groups that fit under the share, then those that overshoot it and still come closer to
    // it.
    for (const double most : {share * 1.25, std::numeric_limits<double>::infinity()}) {
        for (const std::size_t i : spreadOrder(names.size())) {
            if (chosen.contains(*names[i])) continue;
            const std::vector<double>& counts = perGroup[*names[i]];
            double before = 0;
            double after = 0;
            bool allowed = true;
            for (std::size_t c = 0; c < shape.classes; ++c) {
                if (counts[c] == 0) continue;
                const double now = have[c] / total[c];
                const double then = (have[c] + counts[c]) / total[c];
                allowed = allowed && have[c] + counts[c] < total[c] && then <= most + 1e-9;
                before += (now - share) * (now - share);
                after += (then - share) * (then - share);
            }
            if (!allowed || after >= before) continue;
            chosen.insert(*names[i]);
            for (std::size_t c = 0; c < shape.classes; ++c) have[c] += counts[c];
        }
    }
    for (std::size_t c = 0; c < shape.classes; ++c) {
        if (total[c] > 0 && have[c] == 0) return std::nullopt;
    }
    return chosen;
}

using PerPart = std::array<std::size_t, 3>;

// Each chain of one recording on its own; where recordings are too short for that, all of a class
// as one chain.
std::vector<Segment> cutByOrder(const std::vector<Uncut>& segments, const Shape& shape,
                                double validationShare, double testShare) {
    std::vector<Segment> out;
    for (int label = 0; label < static_cast<int>(shape.classes); ++label) {
        std::map<std::string, std::vector<Uncut>> recordings;
        std::vector<Uncut> whole;
        for (const Uncut& s : segments) {
            if (s.label != label) continue;
            recordings[s.group].push_back(s);
            whole.push_back(s);
        }
        std::vector<Segment> pieces;
        for (const auto& [group, chain] : recordings) {
            const auto cut = cutInOrder(chain, shape, validationShare, testShare);
            pieces.insert(pieces.end(), cut.begin(), cut.end());
        }
        PerPart have{};
        for (const Segment& s : pieces) have[static_cast<std::size_t>(s.part)] += s.samples;
        if ((validationShare > 0 && have[1] == 0) || (testShare > 0 && have[2] == 0)) {
            pieces = cutInOrder(whole, shape, validationShare, testShare);
        }
        out.insert(out.end(), pieces.begin(), pieces.end());
    }
    return out;
}

std::string counted(std::size_t some, std::size_t all) {
    return std::to_string(some) + " of " + std::to_string(all) + " groups";
}

void sortByOffset(std::vector<Segment>& segments) {
    std::sort(segments.begin(), segments.end(),
              [](const Segment& a, const Segment& b) { return a.offset < b.offset; });
}

Cut cutAutomatically(const std::vector<Uncut>& segments, const Shape& shape) {
    const std::size_t groups = groupsOf(segments).size();
    if (groups >= kFewGroups) {
        const auto test = chooseGroups(segments, shape, kShare);
        std::vector<Uncut> rest;
        for (const Uncut& s : segments) {
            if (test && !test->contains(s.group)) rest.push_back(s);
        }
        const auto validation =
            test ? chooseGroups(rest, shape, kShare / (1 - kShare)) : std::nullopt;
        if (validation) {
            Cut cut;
            for (const Uncut& s : segments) {
                const Part part = test->contains(s.group)         ? Part::test
                                  : validation->contains(s.group) ? Part::validation
                                                                  : Part::train;
                cut.segments.push_back(settle(s, part));
            }
            cut.how = "cut here by group: validation " + counted(validation->size(), groups) +
                      ", test " + counted(test->size(), groups);
            return cut;
        }
    }
    Cut cut{cutByOrder(segments, shape, kShare, kShare),
            "cut here by order within each recording: first 60 % train, then 20 % validation, 20 % "
            "test"};
    sortByOffset(cut.segments);
    return cut;
}

}  // namespace

std::vector<Segment> cutInOrder(std::span<const Uncut> chain, const Shape& shape,
                                double validationShare, double testShare) {
    std::size_t total = 0;
    for (const Uncut& s : chain) total += wholeWindows(s, shape);
    const std::size_t parts = 1U + (validationShare > 0) + (testShare > 0);
    const auto share = [&](double of) -> std::size_t {
        if (of <= 0 || total < parts) return 0;
        return std::max<std::size_t>(
            1, static_cast<std::size_t>(std::lround(of * static_cast<double>(total))));
    };
    const std::size_t testFrom = total - share(testShare);
    const std::size_t validationFrom = testFrom - share(validationShare);

    std::vector<Segment> out;
    std::size_t window = 0;  // of the chain, at the beginning of the segment
    for (const Uncut& s : chain) {
        const std::size_t count = wholeWindows(s, shape);
        std::size_t done = 0;  // windows of this segment
        do {
            const std::size_t at = window + done;
            const Part part = at >= testFrom         ? Part::test
                              : at >= validationFrom ? Part::validation
                                                     : Part::train;
            const std::size_t end = part == Part::train        ? validationFrom
                                    : part == Part::validation ? testFrom
                                                               : total;
            const std::size_t take = std::min(count - done, end - at);
            Segment piece = settle(s, part);
            const std::size_t from = done * shape.windowLength;
            piece.follows = piece.follows || from > 0;
            done += take;
            // The last piece keeps the rows that do not fill a window.
            piece.samples = (done == count ? s.samples : done * shape.windowLength) - from;
            piece.offset += from * shape.channels;
            out.push_back(std::move(piece));
        } while (done < count);
        window += count;
    }
    return out;
}

Result<Cut> cutParts(const std::vector<Uncut>& segments, const Shape& shape) {
    const bool given = std::any_of(segments.begin(), segments.end(),
                                   [](const Uncut& s) { return s.part.has_value(); });
    if (!given) return cutAutomatically(segments, shape);

    std::array<std::vector<Uncut>, 3> parts;
    PerPart have{};
    for (const Uncut& s : segments) {
        const auto part = static_cast<std::size_t>(s.part.value_or(Part::train));
        parts[part].push_back(s);
        have[part] += wholeWindows(s, shape);
    }
    for (const Part part : {Part::train, Part::test}) {
        if (have[static_cast<std::size_t>(part)] > 0) continue;
        return fail(Code::bad_data,
                    "the given split has no " + std::string(partName(part)) + " windows",
                    "mend the split, or let it be cut with \"split\":\"auto\"", "/split");
    }
    const auto& [train, validation, test] = parts;
    Cut cut;
    for (const Uncut& s : validation) cut.segments.push_back(settle(s, Part::validation));
    for (const Uncut& s : test) cut.segments.push_back(settle(s, Part::test));
    if (have[1] > 0) {
        for (const Uncut& s : train) cut.segments.push_back(settle(s, Part::train));
        cut.how = "train, validation and test as given";
        sortByOffset(cut.segments);
        return cut;
    }
    const auto trainGroups = groupsOf(train);
    const auto testGroups = groupsOf(test);
    const bool disjoint = std::none_of(testGroups.begin(), testGroups.end(),
                                       [&](const auto& g) { return trainGroups.contains(g); });
    const auto chosen =
        disjoint && trainGroups.size() >= 3 ? chooseGroups(train, shape, kShare) : std::nullopt;
    if (chosen) {
        for (const Uncut& s : train) {
            cut.segments.push_back(
                settle(s, chosen->contains(s.group) ? Part::validation : Part::train));
        }
        cut.how = "train and test as given; validation cut from train by group, as test is: " +
                  counted(chosen->size(), trainGroups.size());
    } else {
        const auto pieces = cutByOrder(train, shape, kShare, 0);
        cut.segments.insert(cut.segments.end(), pieces.begin(), pieces.end());
        cut.how = "train and test as given; validation is the last fifth of each train recording";
    }
    sortByOffset(cut.segments);
    return cut;
}

}  // namespace tinsmith::dataset
