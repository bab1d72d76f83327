// Synthetic datasets whose looks and plots are known.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

// Fills one row of all channels: class, window, row in it.
using Signal = std::function<std::vector<float>(int label, int window, int row)>;

// `windows` a class in train, a quarter of that in validation and as many in test, where everything
// is 1000 times as large: whoever looks at test shows it.
inline Dataset seriesOf(std::vector<std::string> classes, std::vector<std::string> channels,
                        int length, int windows, const Signal& signal) {
    Dataset d;
    d.classes = std::move(classes);
    d.channels = std::move(channels);
    d.windowLength = d.windowStride = static_cast<std::size_t>(length);
    for (int label = 0; label < static_cast<int>(d.classes.size()); ++label) {
        for (const Part part : {Part::train, Part::validation, Part::test}) {
            const int count = part == Part::train ? windows : windows / 4;
            d.segments.push_back({label, "g" + std::to_string(label), part,
                                  static_cast<std::size_t>(count * length), d.samples.size()});
            for (int w = 0; w < count; ++w) {
                for (int row = 0; row < length; ++row) {
                    for (const float x : signal(label, w, row))
                        d.samples.push_back(part == Part::test ? x * 1000 : x);
                }
            }
        }
    }
    return d;
}

inline float sine(int row, double period) {
    return static_cast<float>(std::sin(2 * std::numbers::pi * row / period));
}

// White, from -1 to 1, and the same for the same numbers.
inline float noise(int label, int window, int row) {
    std::uint64_t x = (static_cast<std::uint64_t>(label) << 40U) ^
                      (static_cast<std::uint64_t>(window) << 20U) ^ static_cast<std::uint64_t>(row);
    for (int round = 0; round < 3; ++round) {
        x = (x + 0x9e3779b97f4a7c15U) * 0xbf58476d1ce4e5b9U;
        x ^= x >> 29U;
    }
    return static_cast<float>(x % 2001) / 1000 - 1;
}

}  // namespace tinsmith::dataset
