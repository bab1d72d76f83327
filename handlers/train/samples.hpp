// Windows to network inputs: features through firmware/dsp, normalisation, and what augmentation
// does to a window.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/plan/plan.hpp"

namespace tinsmith::train {

// Features of many windows, [count][steps * features] with one label each.
struct Samples {
    std::vector<float> values;
    std::vector<int> labels;
    std::size_t width = 0;  // steps * features
    std::size_t count() const { return labels.size(); }
};

struct Normalisation {
    std::vector<float> mean;              // one a feature column
    std::vector<float> inverseDeviation;  // likewise; 0 for a column that never varies
};

// Not thread-safe: one scratch area. The dataset and the plan must outlive it.
class Extractor {
  public:
    Extractor(const plan::Plan& plan, const dataset::Dataset& data);

    int steps() const { return steps_; }
    int features() const { return features_; }

    Samples extract(const std::vector<dataset::WindowRef>& windows);

    // Replaces `out` by augmented features of the windows that `order` names, before normalisation.
    // Shift moves a window by up to +-n samples inside its own recording, so it meets samples it
    // really could have had. Noise goes on the samples where the features are raw only (its
    // deviation is a share of the channel's own); else the caller adds it to the normalised
    // features, because noise on samples changes what a spectrum means.
    void augmented(const std::vector<dataset::WindowRef>& windows,
                   const std::vector<std::size_t>& order, std::mt19937_64& random, Samples& out);

    bool rawOnly() const { return rawOnly_; }

  private:
    void one(const float* window, float* features);

    const plan::Plan& plan_;
    const dataset::Dataset& data_;
    dsp::Pipeline pipeline_;
    std::vector<float> scratch_;
    std::vector<float> noisy_;
    std::vector<float> channelDeviation_;  // of the train part
    int steps_ = 0;
    int features_ = 0;
    bool rawOnly_ = true;
};

// One mean and deviation a feature column (steps share a column).
Normalisation fit(const Samples& samples, int features);
void apply(const Normalisation& normalisation, Samples& samples);

}  // namespace tinsmith::train
