// What a careful person would notice in a dataset before training on it.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "handlers/dataset/card.hpp"
#include "handlers/dataset/statistics.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::size_t kFewWindows = 8;
constexpr std::size_t kFewGroupsOfClass = 5;

using Warnings = std::vector<Warning>;

std::string percent(double share) {
    return std::to_string(std::lround(100 * share)) + " %";
}

std::string shortNumber(float value) {
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6)
            .ptr;
    return {text.data(), end};
}

template <class Names>
std::string firstNames(const Names& names) {
    std::string text;
    std::size_t shown = 0;
    for (const auto& name : names) {
        if (shown++ == 5) return text + ", …";
        text += (text.empty() ? "" : ", ") + std::string(name).substr(0, 40);
    }
    return text;
}

void findDuplicates(const Dataset& d, Warnings& out) {
    const std::size_t size = d.windowLength * d.channels.size();
    std::unordered_map<std::uint64_t, int> train;  // label
    std::size_t repeated = 0;
    std::size_t contradicting = 0;
    const auto trainWindows = windows(d, Part::train);
    for (const WindowRef& w : trainWindows) {
        const auto [it, fresh] = train.try_emplace(fingerprint(w.samples, size), w.label);
        if (fresh) continue;
        ++repeated;
        if (it->second != w.label) ++contradicting;
    }
    for (const Part part : {Part::validation, Part::test}) {
        const auto others = windows(d, part);
        std::size_t known = 0;
        for (const WindowRef& w : others) known += train.count(fingerprint(w.samples, size));
        if (known == 0) continue;
        const std::string name(partName(part));
        out.push_back({part == Part::test ? "test_leakage" : "leakage",
                       std::to_string(known) + " of " + std::to_string(others.size()) + " " + name +
                           " windows are also in train, value for value: their accuracy flatters"});
    }
    if (contradicting > 0) {
        out.push_back(
            {"contradicting", std::to_string(contradicting) +
                                  " train windows are equal to a window of another class"});
    }
    if (repeated * 20 > trainWindows.size()) {
        out.push_back({"duplicates", std::to_string(repeated) + " of " +
                                         std::to_string(trainWindows.size()) +
                                         " train windows repeat another one"});
    }
}

void findImbalance(const Dataset& d, Warnings& out) {
    std::vector<std::size_t> train(d.classes.size());
    std::vector<std::size_t> validation(d.classes.size());
    std::vector<std::size_t> test(d.classes.size());
    for (const Segment& s : d.segments) {
        auto& counts = s.part == Part::train ? train : s.part == Part::test ? test : validation;
        counts[static_cast<std::size_t>(s.label)] += windowCount(d, s);
    }
    const auto listClasses = [&](const std::vector<std::size_t>& counts, std::size_t below) {
        std::vector<std::string> names;
        for (std::size_t c = 0; c < counts.size(); ++c) {
            if (counts[c] < below)
                names.push_back(d.classes[c] + " (" + std::to_string(counts[c]) + ")");
        }
        return names;
    };
    if (const auto few = listClasses(train, kFewWindows); !few.empty()) {
        out.push_back({"few_windows", "fewer than " + std::to_string(kFewWindows) +
                                          " train windows: " + firstNames(few)});
    }
    if (const auto none = listClasses(validation, 1); !none.empty()) {
        out.push_back({"few_windows", "no validation windows: " + firstNames(none)});
    }
    if (const auto none = listClasses(test, 1); !none.empty()) {
        out.push_back({"test_few_windows", "no test windows: " + firstNames(none)});
    }
    if (train.empty()) return;
    const auto [least, most] = std::minmax_element(train.begin(), train.end());
    if (*least > 0 && *most > 3 * *least) {
        out.push_back({"imbalance", d.classes[static_cast<std::size_t>(most - train.begin())] +
                                        " has " + std::to_string(*most) + " train windows, " +
                                        d.classes[static_cast<std::size_t>(least - train.begin())] +
                                        " only " + std::to_string(*least)});
    }
}

void findGroupTroubles(const Dataset& d, Warnings& out) {
    std::map<std::string, std::set<int>> classesOf;
    std::map<int, std::size_t> groupsOf;
    std::set<std::string> learnt;
    std::set<std::string> shared;
    for (const Segment& s : d.segments) {
        if (s.part == Part::test) continue;
        if (classesOf[s.group].insert(s.label).second) ++groupsOf[s.label];
        if (s.part == Part::train) learnt.insert(s.group);
    }
    for (const Segment& s : d.segments) {
        if (s.part == Part::test && learnt.contains(s.group)) shared.insert(s.group);
    }
    const bool oneEach =
        classesOf.size() > 1 && std::all_of(classesOf.begin(), classesOf.end(),
                                            [](const auto& g) { return g.second.size() == 1; });
    const bool few = std::any_of(groupsOf.begin(), groupsOf.end(),
                                 [](const auto& c) { return c.second < kFewGroupsOfClass; });
    if (oneEach && few) {
        out.push_back(
            {"confounded", "every group holds one class only and some class has fewer than " +
                               std::to_string(kFewGroupsOfClass) +
                               " groups: a model may learn the recording instead of the class"});
    }
    if (!shared.empty()) {
        out.push_back({"test_groups_in_train",
                       std::to_string(shared.size()) + " groups are in train and in test (" +
                           firstNames(shared) + "): test says nothing about a new one"});
    }
}

// Groups that devices recorded are named "<device>/<recording>"; so may be those of an import.
void findOneSource(const Dataset& d, Warnings& out) {
    std::set<std::string> sources;
    for (const Segment& s : d.segments) {
        const auto slash = s.group.find('/');
        if (slash == std::string::npos) return;
        sources.insert(s.group.substr(0, slash));
    }
    if (sources.size() != 1) return;
    out.push_back({"one_source", "all data come from " + *sources.begin() +
                                     ": no part of it tells how well a model does on another "
                                     "device; record on a second one"});
}

// How often the lowest and the highest value occur, beside the next one to them.
struct Rail {
    float value;
    float next;
    std::size_t count = 0;
    std::size_t nextCount = 0;

    void see(float x, bool beyond, bool between) {
        if (count == 0 || beyond) {
            if (count > 0) {
                next = value;
                nextCount = count;
            }
            value = x;
            count = 1;
        } else if (x == value) {
            ++count;
        } else if (nextCount == 0 || between) {
            next = x;
            nextCount = 1;
        } else if (x == next) {
            ++nextCount;
        }
    }
    // Tails thin out; a converter's rail piles up. Zero is where many quantities end by nature.
    bool piled() const { return value != 0 && count >= 10 && count >= 4 * nextCount; }
};

void findClipping(const Dataset& d, Warnings& out) {
    if (d.picture) return;  // paper is white and ink is black
    const std::size_t channels = d.channels.size();
    for (std::size_t c = 0; c < channels; ++c) {
        Rail low{};
        Rail high{};
        std::size_t rows = 0;
        for (const Segment& s : d.segments) {
            if (s.part == Part::test) continue;
            const float* x = d.samples.data() + s.offset + c;
            for (std::size_t i = 0; i < s.samples; ++i, x += channels) {
                low.see(*x, *x < low.value, *x < low.next);
                high.see(*x, *x > high.value, *x > high.next);
            }
            rows += s.samples;
        }
        if (rows == 0) continue;
        if (low.value == high.value) {
            out.push_back({"constant_channel",
                           "the channel " + d.channels[c] + " never changes: leave it out"});
            continue;
        }
        for (const Rail* rail : {&low, &high}) {
            if (!rail->piled()) continue;
            out.push_back({"clipping", d.channels[c] + " sits " + std::to_string(rail->count) +
                                           " times in " + std::to_string(rows) +
                                           " rows exactly at its end " + shortNumber(rail->value) +
                                           ": the sensor's range may be too small"});
        }
    }
}

using GroupMoments = std::map<std::string, Moments>;

GroupMoments perGroup(const Dataset& d, bool test) {
    GroupMoments groups;
    for (const Segment& s : d.segments) {
        if ((s.part == Part::test) != test || s.samples == 0) continue;
        groups.try_emplace(s.group, d.channels.size()).first->second.add(d, s);
    }
    return groups;
}

// Three channels whose vector is about as long as gravity on average: an accelerometer.
bool isAccelerometer(const Dataset& d) {
    if (d.channels.size() != 3 || d.picture) return false;
    double sum = 0;
    std::size_t rows = 0;
    for (const Segment& s : d.segments) {
        const float* x = d.samples.data() + s.offset;
        for (std::size_t i = 0; i < s.samples; ++i, x += 3) sum += std::hypot(x[0], x[1], x[2]);
        rows += s.samples;
    }
    const double norm = rows > 0 ? sum / static_cast<double>(rows) : 0;
    return (norm > 0.8 && norm < 1.5) || (norm > 7.8 && norm < 15);
}

// Groups in which the axis that carries gravity points the other way: worn on the other arm,
// mounted upside down.
void findTurnedGroups(const Dataset& d, Warnings& out) {
    if (!isAccelerometer(d)) return;
    const GroupMoments learnt = perGroup(d, false);
    std::size_t axis = 0;
    double most = 0;
    double signs = 0;
    for (std::size_t c = 0; c < 3; ++c) {
        double size = 0;
        double sign = 0;
        for (const auto& [name, m] : learnt) {
            size += std::abs(m.mean(c)) / static_cast<double>(learnt.size());
            sign += m.mean(c) > 0 ? 1 : -1;
        }
        if (size <= most) continue;
        most = size;
        axis = c;
        signs = sign;
    }
    for (const bool test : {false, true}) {
        const GroupMoments all = test ? perGroup(d, true) : learnt;
        std::vector<std::string> turned;
        for (const auto& [name, m] : all) {
            if (m.mean(axis) * signs < 0 && std::abs(m.mean(axis)) > 0.3 * most)
                turned.push_back(name);
        }
        if (turned.empty()) continue;
        out.push_back({test ? "test_gravity_sign" : "gravity_sign",
                       "in " + std::to_string(turned.size()) + " of " + std::to_string(all.size()) +
                           (test ? " test" : "") + " groups gravity points the other way along " +
                           d.channels[axis] + " (" + firstNames(turned) +
                           "): the sensor was turned"});
    }
}

// Level and spread of one class in one part. The spread is that within recordings: how far
// recordings lie apart depends on how many there are.
struct ClassMoments {
    explicit ClassMoments(std::size_t channels) : all(channels) {}
    Moments all;
    GroupMoments groups;

    double spread(std::size_t channel) const {
        double squares = 0;
        for (const auto& [name, m] : groups) {
            squares += static_cast<double>(m.count()) * m.deviation(channel) * m.deviation(channel);
        }
        return std::sqrt(squares / static_cast<double>(all.count()));
    }
};

// Class by class, so that another mix of classes is no shift.
void findShift(const Dataset& d, Warnings& out) {
    const std::size_t channels = d.channels.size();
    Moments all(channels);
    std::vector<ClassMoments> train(d.classes.size(), ClassMoments(channels));
    std::vector<ClassMoments> test = train;
    for (const Segment& s : d.segments) {
        if (s.samples == 0) continue;
        if (s.part != Part::test) all.add(d, s);
        auto& one = (s.part == Part::test ? test : train)[static_cast<std::size_t>(s.label)];
        one.all.add(d, s);
        one.groups.try_emplace(s.group, channels).first->second.add(d, s);
    }
    for (std::size_t c = 0; c < channels && all.count() > 0; ++c) {
        if (all.deviation(c) == 0) continue;
        double level = 0;
        double spread = 0;
        double classes = 0;
        for (std::size_t k = 0; k < train.size(); ++k) {
            if (train[k].all.count() == 0 || test[k].all.count() == 0) continue;
            level += (test[k].all.mean(c) - train[k].all.mean(c)) / all.deviation(c);
            const double least = 1e-3 * all.deviation(c);
            spread +=
                std::log2(std::max(test[k].spread(c), least) / std::max(train[k].spread(c), least));
            ++classes;
        }
        if (classes == 0) continue;
        level /= classes;
        spread /= classes;
        if (std::abs(level) > 0.5) {
            out.push_back({"test_level_shift", d.channels[c] + " lies " + percent(std::abs(level)) +
                                                   " of its deviation " +
                                                   (level > 0 ? "higher" : "lower") +
                                                   " in test than in train"});
        }
        if (std::abs(spread) > 0.7) {
            out.push_back(
                {"test_range_shift", d.channels[c] + " varies " + (spread > 0 ? "more" : "less") +
                                         " in test than in train: " + percent(std::exp2(spread)) +
                                         " of its deviation there"});
        }
    }
}

}  // namespace

std::vector<Warning> findWarnings(const Dataset& d) {
    Warnings out;
    findImbalance(d, out);
    findDuplicates(d, out);
    findGroupTroubles(d, out);
    findOneSource(d, out);
    findTurnedGroups(d, out);
    findClipping(d, out);
    findShift(d, out);
    return out;
}

}  // namespace tinsmith::dataset
