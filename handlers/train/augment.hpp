// Random changes to windows that imitate what varies in the world: another speed, another way the
// sensor sits, another loudness, another place in the picture.
#pragma once

#include <random>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/plan/plan.hpp"

namespace tinsmith::train {

class Augmenter {
  public:
    // What of it depends on the features.
    struct Allowed {
        bool noise = false;  // on samples
        bool beyond =
            false;  // sounds end in silence: shift may move a recording that is one window
    };
    // Both must outlive it.
    Augmenter(const plan::Augmentation& augmentation, const dataset::Dataset& data,
              Allowed allowed);

    // True where a window changes at all: pitch and mix are not done here.
    [[nodiscard]] bool any() const;

    // The window's samples, changed. Shift and time warp read samples that the window really could
    // have had, as far as its recording goes; beyond its ends the last sample is repeated. Valid
    // until the next call.
    const float* window(const dataset::WindowRef& window, std::mt19937_64& random);

  private:
    void cut(const dataset::WindowRef& window, std::mt19937_64& random);
    void place(const float* picture, std::mt19937_64& random);
    void erase(std::mt19937_64& random);
    void rotate(std::mt19937_64& random);
    void scale(std::mt19937_64& random);
    void addNoise(std::mt19937_64& random);
    // Uniform in +-most; nothing is drawn where `most` is 0.
    static double within(double most, std::mt19937_64& random);

    const plan::Augmentation& how_;
    const dataset::Dataset& data_;
    bool beyond_;
    std::size_t channels_;
    std::vector<float> channelDeviation_;  // of the train part; empty without noise
    std::vector<float> changed_;
};

}  // namespace tinsmith::train
