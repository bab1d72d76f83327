// Other groups, or other times, as validation: one cut says little where groups are few.
#pragma once

#include <cstddef>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

// Fold 0 is the dataset as it is. Else train and validation change places for some groups: as many
// groups as validation has now, others for each fold until all of them had their turn. Where parts
// share groups it is another fifth: of the time of a series, or of each class's recordings in their
// order. Folds 1 to 4 are others than the usual last fifth. False, and nothing changed, where there
// is no other cut, or a part would be without a class that it has now.
bool takeFold(Dataset& data, std::size_t fold);

}  // namespace tinsmith::dataset
