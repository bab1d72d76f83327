// From a plan's feature code to the table of what it yields: before and after its program runs in
// its cage. Both look at every window that any stage will see, so that parts, folds and cleaning
// make no difference.
#pragma once

#include <filesystem>
#include <functional>

#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::train {

using StageProgress = std::function<void(const Json&)>;

// `tinsmith-work code-input JOBDIR`. JOBDIR/input.json: {"dataset":"path.tsd","plan":{…},"fold":0?}
// Writes JOBDIR/code-input for the program; {"windows":N,"outputs":values of each}. too_large where
// the windows are too many to be computed beforehand.
[[nodiscard]] Result<Json> codeInputStage(const std::filesystem::path& jobDir,
                                          const StageProgress& progress);

// `tinsmith-work code-features JOBDIR`: the same input and "computed", what the program wrote.
// {"table":"features.bin"}, a code::FeatureTable; build_failed where the values are not what they
// should be.
[[nodiscard]] Result<Json> codeFeaturesStage(const std::filesystem::path& jobDir,
                                             const StageProgress& progress);

}  // namespace tinsmith::train
