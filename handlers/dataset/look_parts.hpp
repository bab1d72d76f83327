// The looks that compare: classes, groups, windows among each other.
#pragma once

#include <string>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

// Statistics of single windows by their Fisher ratio, (difference of the means)^2 / (sum of the
// variances), best first. Train windows.
std::string compareClasses(const Dataset& dataset, std::size_t a, std::size_t b);

// Each group's level and spread against all, in the channel where it differs most; oddest first.
std::string compareGroups(const Dataset& dataset);

// Windows equal value for value, within train and between train and validation.
std::string countDuplicates(const Dataset& dataset);

}  // namespace tinsmith::dataset
