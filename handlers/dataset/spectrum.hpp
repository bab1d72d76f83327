// Where the energy of windows lies: for the data card, its plots and looks at the data, so that a
// planner can choose windows and bins.
#pragma once

#include <cstddef>
#include <vector>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

struct Spectrum {
    std::vector<double> magnitudes;  // of the bins 0 to n/2, added up over frames; bin 0 is 0
    double binWidth = 0;             // Hz, or cycles per sample without a rate
};

// One channel over at most 64 of the windows, spread evenly: frames of n points, n the largest
// power of two <= min(window length, 256), up to eight spread over a longer window, each with its
// mean removed, Hann. Empty for windows of fewer than 8 rows, pictures, or no windows.
Spectrum spectrumOf(const Dataset& dataset, const std::vector<WindowRef>& windows,
                    std::size_t channel);

// Powers in `bands` bands up to half the rate: of equal width, or as wide as the ear hears them
// (equal on the mel scale, which needs a rate). A band between two bins has that of the nearer one.
std::vector<double> bandPowers(const Spectrum& spectrum, std::size_t bands, bool mel);

// Up to `count` local maxima, strongest first. Below a tenth of the strongest are left out.
std::vector<double> peaks(const Spectrum& spectrum, std::size_t count);

// The peaks of every channel over the train windows of a class. Empty where there is no spectrum.
std::vector<std::vector<double>> dominantFrequencies(const Dataset& dataset, int label,
                                                     std::size_t count);

}  // namespace tinsmith::dataset
