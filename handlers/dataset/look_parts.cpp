#include "handlers/dataset/look_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "handlers/dataset/sketch.hpp"
#include "handlers/dataset/spectrum.hpp"
#include "handlers/dataset/statistics.hpp"
#include "handlers/dataset/windows_of.hpp"

namespace tinsmith::dataset {
namespace {

constexpr std::size_t kCompared = 200;  // windows of a class
constexpr std::size_t kCells = 4;       // of a picture, in each direction
constexpr std::size_t kBands = 4;
constexpr std::size_t kListed = 12;

// What is measured on a window: a name, and a value for each window.
using Measures = std::vector<std::pair<std::string, double>>;

void measureSeries(const Dataset& d, const WindowRef& window, Measures& out) {
    const std::size_t channels = d.channels.size();
    const auto rows = static_cast<double>(d.windowLength);
    for (std::size_t c = 0; c < channels; ++c) {
        const std::string of = " of " + clipped(d.channels[c], 24);
        const auto at = [&](std::size_t i) -> double { return window.samples[i * channels + c]; };
        double sum = 0;
        double least = at(0);
        double most = at(0);
        for (std::size_t i = 0; i < d.windowLength; ++i) {
            sum += at(i);
            least = std::min(least, at(i));
            most = std::max(most, at(i));
        }
        const double mean = sum / rows;
        out.emplace_back("mean" + of, mean);
        if (d.windowLength < 2) continue;
        double squares = 0;
        double steps = 0;
        double crossings = 0;
        for (std::size_t i = 0; i < d.windowLength; ++i) {
            squares += (at(i) - mean) * (at(i) - mean);
            if (i == 0) continue;
            steps += std::abs(at(i) - at(i - 1));
            crossings += (at(i) > mean) != (at(i - 1) > mean) ? 1 : 0;
        }
        out.emplace_back("deviation" + of, std::sqrt(squares / rows));
        out.emplace_back("minimum" + of, least);
        out.emplace_back("maximum" + of, most);
        out.emplace_back("mean step" + of, steps / (rows - 1));
        out.emplace_back("crossings of the mean a sample" + of, crossings / (rows - 1));
        const Spectrum spectrum = spectrumOf(d, {window}, c);
        const std::vector<double> bands = bandPowers(spectrum, kBands, false);
        double all = 1e-30;
        for (const double band : bands) all += band;
        for (std::size_t b = 0; b < bands.size(); ++b) {
            const double width =
                spectrum.binWidth * static_cast<double>(spectrum.magnitudes.size() - 1) / kBands;
            out.emplace_back("share of energy from " + figure(static_cast<double>(b) * width) +
                                 " to " + figure(static_cast<double>(b + 1) * width) +
                                 (d.rateHz ? " Hz" : " cycles a sample") + of,
                             bands[b] / all);
        }
    }
}

void measurePicture(const Dataset& d, const WindowRef& window, Measures& out) {
    const std::size_t channels = d.channels.size();
    const auto rows = static_cast<std::size_t>(d.picture->rows);
    const auto columns = static_cast<std::size_t>(d.picture->columns);
    std::vector<double> grey(d.windowLength);
    for (std::size_t i = 0; i < d.windowLength; ++i) {
        for (std::size_t c = 0; c < channels; ++c) grey[i] += window.samples[i * channels + c];
        grey[i] /= static_cast<double>(channels);
    }
    double sum = 0;
    double squares = 0;
    double across = 0;
    double down = 0;
    std::array<double, kCells * kCells> cells{};
    std::array<double, kCells * kCells> sizes{};
    for (std::size_t y = 0; y < rows; ++y) {
        for (std::size_t x = 0; x < columns; ++x) {
            const double pixel = grey[y * columns + x];
            sum += pixel;
            squares += pixel * pixel;
            if (x > 0) across += std::abs(pixel - grey[y * columns + x - 1]);
            if (y > 0) down += std::abs(pixel - grey[(y - 1) * columns + x]);
            const std::size_t cell = y * kCells / rows * kCells + x * kCells / columns;
            cells[cell] += pixel;
            ++sizes[cell];
        }
    }
    const auto pixels = static_cast<double>(d.windowLength);
    const double mean = sum / pixels;
    out.emplace_back("brightness", mean);
    out.emplace_back("contrast", std::sqrt(std::max(0.0, squares / pixels - mean * mean)));
    out.emplace_back("steps from left to right", across / pixels);
    out.emplace_back("steps from top to bottom", down / pixels);
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (sizes[i] == 0) continue;
        out.emplace_back("brightness of row " + std::to_string(i / kCells + 1) + " of 4, column " +
                             std::to_string(i % kCells + 1) + " of 4",
                         cells[i] / sizes[i]);
    }
    for (std::size_t c = 0; c < channels && channels > 1; ++c) {
        double level = 0;
        for (std::size_t i = 0; i < d.windowLength; ++i) level += window.samples[i * channels + c];
        out.emplace_back("share of " + d.channels[c], level / std::max(1e-9, sum * 3));
    }
}

struct MeanAndVariance {
    double sum = 0;
    double squares = 0;
    double count = 0;
    void add(double x) {
        sum += x;
        squares += x * x;
        ++count;
    }
    double mean() const { return sum / count; }
    double variance() const { return std::max(0.0, squares / count - mean() * mean()); }
};

using Measured = std::vector<std::pair<std::string, MeanAndVariance>>;

Measured measureClass(const Dataset& d, std::size_t label) {
    const std::vector<WindowRef> mine = trainWindowsOf(d, static_cast<int>(label));
    const std::size_t used = std::min(mine.size(), kCompared);
    Measured out;
    Measures measures;
    for (std::size_t w = 0; w < used; ++w) {
        measures.clear();
        const WindowRef& window = mine[w * mine.size() / used];
        if (d.picture)
            measurePicture(d, window, measures);
        else
            measureSeries(d, window, measures);
        out.resize(measures.size());
        for (std::size_t i = 0; i < measures.size(); ++i) {
            out[i].first = measures[i].first;
            out[i].second.add(measures[i].second);
        }
    }
    return out;
}

std::string className(const Dataset& d, std::size_t label) {
    return clipped(d.classes[label], 24);
}

}  // namespace

std::string compareClasses(const Dataset& d, std::size_t a, std::size_t b) {
    const Measured first = measureClass(d, a);
    const Measured second = measureClass(d, b);
    if (first.empty() || second.empty()) return "one of the classes has no train windows\n";
    std::vector<std::pair<double, std::size_t>> order;  // minus the ratio, measure
    for (std::size_t i = 0; i < first.size(); ++i) {
        const MeanAndVariance& x = first[i].second;
        const MeanAndVariance& y = second[i].second;
        const double difference = x.mean() - y.mean();
        // Two constants that differ are as far apart as can be said.
        const double variance =
            x.variance() + y.variance() + 1e-9 * (x.mean() * x.mean() + y.mean() * y.mean());
        const double ratio = difference == 0 ? 0 : difference * difference / variance;
        order.emplace_back(-std::min(ratio, 1e6), i);
    }
    std::sort(order.begin(), order.end());
    std::string text = "What separates " + className(d, a) + " from " + className(d, b) +
                       " best in single train windows, by Fisher ratio (above 2: well, below 0.2: "
                       "hardly); mean of each class:\n";
    for (std::size_t k = 0; k < std::min(order.size(), kListed); ++k) {
        const auto& [ratio, i] = order[k];
        text += figure(-ratio) + "  " + first[i].first + ": " + figure(first[i].second.mean()) +
                " and " + figure(second[i].second.mean()) + "\n";
    }
    return text;
}

std::string compareGroups(const Dataset& d) {
    struct Group {
        Moments seen;
        std::set<std::size_t> classes;
        std::set<Part> parts;
    };
    const std::size_t channels = d.channels.size();
    Moments all(channels);
    std::map<std::string, Group> groups;
    for (const Segment& s : d.segments) {
        if (s.part == Part::test || s.samples == 0) continue;
        all.add(d, s);
        Group& group = groups.try_emplace(s.group, Moments(channels)).first->second;
        group.seen.add(d, s);
        group.classes.insert(static_cast<std::size_t>(s.label));
        group.parts.insert(s.part);
    }
    std::vector<std::pair<double, std::string>> lines;  // minus the oddness
    for (const auto& [name, group] : groups) {
        double oddest = -1;
        std::string what;
        for (std::size_t c = 0; c < channels; ++c) {
            const double deviation = all.deviation(c);
            if (deviation == 0) continue;
            const double level = (group.seen.mean(c) - all.mean(c)) / deviation;
            const double spread = group.seen.deviation(c) / deviation;
            const double oddness = std::abs(level) + std::abs(std::log2(std::max(spread, 1e-3)));
            if (oddness <= oddest) continue;
            oddest = oddness;
            what = clipped(d.channels[c], 24) + " lies " + figure(level) +
                   " deviations from the mean, spread " + figure(spread) + " of that of all";
        }
        if (oddest < 0) continue;
        std::string classes = std::to_string(group.classes.size()) + " classes";
        if (group.classes.size() == 1) classes = "only " + className(d, *group.classes.begin());
        const bool both = group.parts.size() > 1;
        lines.emplace_back(-oddest, clipped(name, 32) + " (" + classes + ", " +
                                        (both ? "train and validation"
                                              : std::string(partName(*group.parts.begin()))) +
                                        "): " + what + "\n");
    }
    std::sort(lines.begin(), lines.end());
    std::string text = std::to_string(groups.size()) +
                       " groups in train and validation; the oddest first, each in the channel "
                       "where it differs most:\n";
    for (std::size_t i = 0; i < std::min(lines.size(), kListed); ++i) text += lines[i].second;
    return text;
}

std::string countDuplicates(const Dataset& d) {
    struct Known {
        int label;
        std::size_t count;
    };
    const std::size_t size = d.windowLength * d.channels.size();
    std::unordered_map<std::uint64_t, Known> train;
    std::vector<std::size_t> repeated(d.classes.size());
    std::size_t otherLabel = 0;
    std::map<std::pair<int, int>, std::size_t> mixed;  // classes that share a window
    const auto trainWindows = windows(d, Part::train);
    std::size_t most = 1;
    for (const WindowRef& w : trainWindows) {
        const auto [it, fresh] = train.try_emplace(fingerprint(w.samples, size), Known{w.label, 1});
        if (fresh) continue;
        most = std::max(most, ++it->second.count);
        ++repeated[static_cast<std::size_t>(w.label)];
        if (it->second.label == w.label) continue;
        ++otherLabel;
        ++mixed[std::minmax(it->second.label, w.label)];
    }
    const auto validation = windows(d, Part::validation);
    std::size_t leaked = 0;
    for (const WindowRef& w : validation) leaked += train.count(fingerprint(w.samples, size));
    std::string text = std::to_string(trainWindows.size() - train.size()) + " of " +
                       std::to_string(trainWindows.size()) +
                       " train windows repeat another one value for value (one of them " +
                       std::to_string(most) + " times), " + std::to_string(otherLabel) +
                       " under another label. " + std::to_string(leaked) + " of " +
                       std::to_string(validation.size()) +
                       " validation windows are also in train.\n";
    std::size_t shown = 0;
    for (std::size_t k = 0; k < d.classes.size(); ++k) {
        if (repeated[k] == 0 || shown++ >= kListed) continue;
        text += className(d, k) + ": " + std::to_string(repeated[k]) + " repeat\n";
    }
    shown = 0;
    for (const auto& [pair, count] : mixed) {
        if (shown++ >= kListed) break;
        text += className(d, static_cast<std::size_t>(pair.first)) + " and " +
                className(d, static_cast<std::size_t>(pair.second)) + " share " +
                std::to_string(count) + "\n";
    }
    return text;
}

}  // namespace tinsmith::dataset
