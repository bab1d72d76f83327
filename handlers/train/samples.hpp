// Windows to network inputs: features through firmware/dsp, and normalisation.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "handlers/code/feature_table.hpp"
#include "handlers/dataset/dataset.hpp"
#include "handlers/plan/front_end.hpp"
#include "handlers/train/augment.hpp"

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
    // `codeFeatures` of a plan with a block `code`; it must outlive this, too.
    Extractor(const plan::Plan& plan, const dataset::Dataset& data,
              const code::FeatureTable* codeFeatures = nullptr);

    int steps() const { return steps_; }
    int features() const { return features_; }
    // For each feature column the one whose mean and deviation it shares.
    const std::vector<std::size_t>& sharedColumns() const { return sharedColumns_; }

    Samples extract(const std::vector<dataset::WindowRef>& windows);

    // True where augmented() gives other features than extract().
    bool augments() const { return augmenter_.any() || !pitches_.empty(); }

    // Replaces `out` by augmented features of the windows that `order` names, before normalisation.
    // Noise goes on the samples where the features are raw only; else the caller adds it to the
    // normalised features, because noise on samples changes what a spectrum means.
    void augmented(const std::vector<dataset::WindowRef>& windows,
                   const std::vector<std::size_t>& order, std::mt19937_64& random, Samples& out);

    bool rawOnly() const { return rawOnly_; }

  private:
    const plan::Plan& plan_;
    bool rawOnly_ = true;
    plan::FrontEnd frontEnd_;
    std::vector<plan::FrontEnd> pitches_;  // with mel bands moved up and down
    Augmenter augmenter_;
    std::vector<std::size_t> sharedColumns_;
    std::vector<float> scratch_;
    int steps_ = 0;
    int features_ = 0;
};

// One mean and deviation for all columns that share them (steps share a column).
Normalisation fit(const Samples& samples, const std::vector<std::size_t>& sharedColumns);
void apply(const Normalisation& normalisation, Samples& samples);

}  // namespace tinsmith::train
