// Where the energy of a class lies: for the data card only, so that a planner can choose windows
// and bins.
#pragma once

#include <cstddef>
#include <vector>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

// Per channel up to `count` frequencies, strongest first: the local maxima of the mean magnitude
// spectrum over at most 64 train windows of the class, mean removed, Hann, the largest power of two
// <= min(window length, 256) points. Peaks below a tenth of the strongest are left out. Hz, or
// cycles per sample without a rate. Empty for windows of fewer than 8 rows, pictures, or a class
// without train windows.
std::vector<std::vector<double>> dominantFrequencies(const Dataset& dataset, int label,
                                                     std::size_t count);

}  // namespace tinsmith::dataset
