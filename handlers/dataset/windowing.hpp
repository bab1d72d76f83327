// Other windows of the same recordings.
#pragma once

#include <cstddef>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

// From here on the dataset is cut into windows of `length` samples, in train `stride` apart. Where
// every sample has a label of its own, a window is a sample with its history, also beyond a change
// of the label. `schema` with the path /windowing where its windows were recorded one by one, are
// pictures, or where a part that had windows has none of that length.
[[nodiscard]] Status recut(Dataset& data, std::size_t length, std::size_t stride);

}  // namespace tinsmith::dataset
