// Figures as short text: what a person, or a language model, reads in a line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tinsmith::dataset {

// Three significant digits.
std::string figure(double value);

// At most `bytes` of a name, never half a character of UTF-8.
std::string clipped(std::string_view name, std::size_t bytes);

// A digit each, 0 at or below `low`, 9 at or above `high`.
std::string digits(const std::vector<double>& values, double low, double high);

// Powers as digits: 9 is the strongest, one less is 5 dB less, 0 is 45 dB below or nothing at all.
std::string decibels(const std::vector<double>& powers);

// The share of values in each of `bins` equal parts of low to high as a digit: 9 is the fullest,
// '.' an empty one. What lies beyond counts at the ends.
std::string histogram(const std::vector<float>& values, double low, double high, std::size_t bins);

// Means of `count` values (`stride` floats apart) over `columns` equal parts; fewer where there are
// fewer values.
std::vector<double> condensed(const float* first, std::size_t stride, std::size_t count,
                              std::size_t columns);

// Grey values as lines of characters from ' ' (low) to '@' (high); `values` has `columns` a line.
std::string shades(const std::vector<double>& values, std::size_t columns, double low, double high);

// The value below which a share of `values` lies; `values` is put in another order.
double quantile(std::vector<float>& values, double share);

}  // namespace tinsmith::dataset
