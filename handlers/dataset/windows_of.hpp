// The windows of one class, and which of them are usual or odd.
#pragma once

#include <string>
#include <vector>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

std::vector<WindowRef> trainWindowsOf(const Dataset& dataset, int label);

// The same from the most usual one to the oddest: by how far a window's energy, over channels that
// count alike, lies from the class's median.
std::vector<WindowRef> byUsualness(const Dataset& dataset, int label);

// Up to `count` values of one channel, spread over train and validation; of one class, or of all
// where `label` is negative.
std::vector<float> someValues(const Dataset& dataset, std::size_t channel, int label,
                              std::size_t count);

// Heard rather than felt: envelopes and bands say more about it than waves.
bool isSound(const Dataset& dataset);

}  // namespace tinsmith::dataset
