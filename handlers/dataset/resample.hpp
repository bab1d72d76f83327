// Linear resampling of recordings to one length.
#pragma once

#include <cstddef>
#include <vector>

#include "handlers/dataset/run.hpp"

namespace tinsmith::dataset {

// Every run (rows x channels in `samples`) becomes exactly `length` rows: row i is read at i x
// (rows - 1) / (length - 1) between its two neighbours, so that first and last row stay. Runs of
// one row repeat it.
void resampleRuns(std::vector<Run>& runs, std::vector<float>& samples, std::size_t channels,
                  std::size_t length);

}  // namespace tinsmith::dataset
