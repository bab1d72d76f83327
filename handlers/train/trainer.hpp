// Fits a plan's network to a dataset. One thread, deterministic algorithms, fixed seed: same job,
// same bytes.
#pragma once

#include <functional>
#include <vector>

#include "handlers/train/float_network.hpp"
#include "handlers/train/job.hpp"
#include "handlers/train/score.hpp"

namespace tinsmith::train {

struct EpochNote {
    int epoch = 0;  // from 1
    double trainLoss = 0;
    double trainAccuracy = 0;
    double validationLoss = 0;      // not a number where the job has no validation to look at
    double validationAccuracy = 0;  // likewise
};

struct Fitted {
    FloatNetwork network;
    int epochs = 0;     // that were trained
    int bestEpoch = 0;  // whose weights were kept
    double trainAccuracy =
        0;             // of the kept epoch, as seen while training (with augmentation and dropout)
    Score validation;  // of the exported weights; for the final fit these windows were trained on
    std::vector<EpochNote> curve;
};

using Progress = std::function<void(const Json&)>;

// Errors: `bad_data` where a part has no windows or training diverged.
[[nodiscard]] Result<Fitted> train(const Job& job, const Progress& progress);

}  // namespace tinsmith::train
