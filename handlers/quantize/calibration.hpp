// Calibration: which range of values each activation gets its 255 steps for, from what a sample of
// windows makes the float network compute.
#pragma once

#include <vector>

#include "handlers/plan/plan.hpp"
#include "handlers/train/float_network.hpp"
#include "handlers/train/int8_scales.hpp"

namespace tinsmith::quantize {

// Runs the float network over normalised inputs of steps * features floats each and chooses by the
// recipe's calibration:
//   min_max     from the smallest to the largest value seen.
//   percentile  cuts what is beyond the percentile at each end: outliers saturate, all others get
//               finer steps.
//   mse         the range whose quantisation loses least, as mean squared error.
// The latter two look at values spread evenly over all windows and places, a bounded number of
// them, and only where a layer has a scale of its own.
[[nodiscard]] train::Ranges calibrate(const train::FloatNetwork& network,
                                      const std::vector<std::vector<float>>& inputs,
                                      const plan::Quantization& recipe = {});

// `values` are reordered. The percentile by nearest rank: the upper end is the smallest value that
// at least that share of values does not exceed, the lower end mirrors it. `values` not empty.
[[nodiscard]] train::ValueRange percentileRange(std::vector<float>& values, double percentile);

// Searches hundredths of `seen`: first the upper end with the lower one held, then the lower with
// the upper held, and both once more; of equal errors the wider range. Exhaustive in each end; the
// ends depend on each other only through the step size, so two rounds settle.
[[nodiscard]] train::ValueRange leastErrorRange(const std::vector<float>& values,
                                                train::ValueRange seen);

// Mean squared difference between `values` and what is left of them after int8 over `range`.
[[nodiscard]] double quantisationError(const std::vector<float>& values, train::ValueRange range);

}  // namespace tinsmith::quantize
