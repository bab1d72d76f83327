// What tinsmith-train is asked to do: JOBDIR/input.json (the stage contract is in the trainer's
// main).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "handlers/code/feature_table.hpp"
#include "handlers/dataset/dataset.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/train/float_network.hpp"
#include "handlers/train/int8_scales.hpp"

namespace tinsmith::train {

struct FineTune {
    Ranges ranges;
    bool perChannel = true;
};

// {"dataset":"path.tsd","plan":{…},"seed":1,"parts":["train"] or ["train","validation"],
//  "fold":n: other groups are validation (dataset/folds.hpp; may be absent),
//  "epochs":n or "epochs_scale":0 … 4 (of the plan's epochs), "early_stopping":true|false,
//  "start":"folder of a network to continue from, instead of fresh weights" (may be absent),
//  "code_features":"file of a code::FeatureTable, where the plan has a block `code`",
//  "fine_tune":{"ranges":{…} as int8_scales.hpp writes them,"per_channel":true|false}: train the
//  start's weights on through int8 arithmetic with these scales (may be absent)}
// Relative paths are taken from the job folder.
struct Job {
    dataset::Dataset data;
    plan::Plan plan;
    plan::WindowShape window;
    std::uint64_t seed = 1;
    bool withValidation =
        false;  // the final fit: validation is training data too, so nothing can stop it early
    int epochs = 1;
    bool earlyStopping = true;
    std::optional<FloatNetwork> start;
    std::optional<FineTune> fineTune;  // only with a start
    std::optional<code::FeatureTable> codeFeatures;
};

// `schema` (with path) for the input or the plan, `bad_data` for a dataset without windows in a
// part that is needed.
[[nodiscard]] Result<Job> readJob(const std::filesystem::path& folder);

plan::WindowShape windowShape(const dataset::Dataset& data);

// The table that input.json names where `plan` has a block `code`; `schema` where it is missing or
// that of another block.
[[nodiscard]] Result<std::optional<code::FeatureTable>> readCodeFeatures(
    const Json& input, const std::filesystem::path& folder, const plan::Plan& plan);

// The dataset cut as the plan says, if it does; an error's path is below the plan.
[[nodiscard]] Status useWindowing(const plan::Plan& plan, dataset::Dataset& data);

}  // namespace tinsmith::train
