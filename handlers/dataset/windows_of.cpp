#include "handlers/dataset/windows_of.hpp"

#include <algorithm>
#include <cmath>

#include "handlers/dataset/statistics.hpp"

namespace tinsmith::dataset {
namespace {

double energyOf(const Dataset& d, const WindowRef& window, const Moments& seen) {
    const std::size_t channels = d.channels.size();
    double energy = 0;
    for (std::size_t c = 0; c < channels; ++c) {
        const double mean = seen.mean(c);
        const double deviation = seen.deviation(c);
        if (deviation == 0) continue;
        double sum = 0;
        for (std::size_t i = 0; i < d.windowLength; ++i) {
            const double x = (window.samples[i * channels + c] - mean) / deviation;
            sum += x * x;
        }
        energy += sum;
    }
    return energy;
}

}  // namespace

std::vector<WindowRef> trainWindowsOf(const Dataset& d, int label) {
    std::vector<WindowRef> mine;
    for (const WindowRef& w : windows(d, Part::train)) {
        if (w.label == label) mine.push_back(w);
    }
    return mine;
}

std::vector<WindowRef> byUsualness(const Dataset& d, int label) {
    const std::vector<WindowRef> mine = trainWindowsOf(d, label);
    Moments seen(d.channels.size());
    for (const Segment& s : d.segments) {
        if (s.part == Part::train && s.label == label) seen.add(d, s);
    }
    std::vector<std::pair<double, std::size_t>> order;  // energy, window
    for (std::size_t i = 0; i < mine.size(); ++i) order.emplace_back(energyOf(d, mine[i], seen), i);
    std::sort(order.begin(), order.end());
    if (order.empty()) return {};
    const double median = order[order.size() / 2].first;
    // As ratios: a window of half the energy is as odd as one of twice.
    for (auto& [energy, window] : order)
        energy = std::abs(std::log((energy + 1e-9) / (median + 1e-9)));
    std::sort(order.begin(), order.end());
    std::vector<WindowRef> sorted;
    for (const auto& [distance, window] : order) sorted.push_back(mine[window]);
    return sorted;
}

std::vector<float> someValues(const Dataset& d, std::size_t channel, int label, std::size_t count) {
    std::vector<const Segment*> segments;
    std::size_t rows = 0;
    for (const Segment& s : d.segments) {
        if (s.part == Part::test || (label >= 0 && s.label != label)) continue;
        segments.push_back(&s);
        rows += s.samples;
    }
    const std::size_t step = std::max<std::size_t>(1, rows / std::max<std::size_t>(1, count));
    std::vector<float> values;
    std::size_t next = 0;  // row in the current segment
    for (const Segment* s : segments) {
        for (; next < s->samples; next += step)
            values.push_back(d.samples[s->offset + next * d.channels.size() + channel]);
        next -= s->samples;
    }
    return values;
}

bool isSound(const Dataset& d) {
    return !d.picture && d.windowLength >= 256 && d.rateHz.value_or(0) >= 1000;
}

}  // namespace tinsmith::dataset
