// What the windows look like, in characters: for planners that cannot see, and for people at a
// terminal.
#pragma once

#include <cstddef>
#include <string>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

// A stored dataset's.
inline constexpr std::size_t kMaxPlotsBytes = 4000;

// At most `maxBytes`: coarser where there are many classes and channels, then with the last ones
// left out. Series: for each channel and class the train window of median energy, a histogram and
// the spectrum in bands. Sound: level, envelope and bands as the ear hears them. Pictures: the mean
// picture of each class and a histogram. Test windows are not looked at.
std::string plots(const Dataset& dataset, std::size_t maxBytes);

}  // namespace tinsmith::dataset
