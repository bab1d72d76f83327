// The simulated motor: deterministic, and a task that is learnt on one device and holds on others.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/image/device_motor.hpp"

namespace tinsmith::image {
namespace {

constexpr std::size_t kLength = 256;
constexpr std::size_t kClasses = 4;

TEST(Motor, SameSeedSameSamples) {
    Motor a(7, 1, MotorCondition::imbalance);
    Motor b(7, 1, MotorCondition::imbalance);
    Motor otherDevice(7, 2, MotorCondition::imbalance);
    Motor otherSeed(8, 1, MotorCondition::imbalance);
    int differentDevice = 0;
    int differentSeed = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto sample = a.next();
        ASSERT_EQ(sample, b.next());
        differentDevice += sample != otherDevice.next();
        differentSeed += sample != otherSeed.next();
    }
    EXPECT_GT(differentDevice, 990);
    EXPECT_GT(differentSeed, 990);
}

TEST(Motor, ImbalanceShakesRadiallyAtShaftSpeed) {
    const auto energy = [](MotorCondition condition, std::size_t axis) {
        Motor motor(1, 1, condition);
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < 4096; ++i) {
            const double x = motor.next()[axis];
            sum += x;
            squares += x * x;
        }
        return std::sqrt(squares / 4096 - sum / 4096 * (sum / 4096));
    };
    EXPECT_GT(energy(MotorCondition::imbalance, 0), 2 * energy(MotorCondition::normal, 0));
    EXPECT_GT(energy(MotorCondition::misalignment, 2), 2 * energy(MotorCondition::normal, 2));
    EXPECT_GT(energy(MotorCondition::bearing_fault, 1), 1.5 * energy(MotorCondition::normal, 1));
}

using Features = std::vector<float>;

struct Example {
    Features features;
    std::size_t label;
};

// Statistics and spectrum of each window, as a plan would take them.
std::vector<Example> record(std::uint64_t seed, std::uint32_t device, std::size_t windows) {
    const std::array<dsp::Block, 2> blocks = {
        dsp::Block{dsp::BlockKind::statistics, false, false, false, 1, 0, 0, 0},
        dsp::Block{dsp::BlockKind::spectrum, false, false, true, 1, 256, 256, 32}};
    dsp::Pipeline pipeline{kLength, 3, blocks.data(), 2, nullptr, nullptr, 1, 0};
    const dsp::Shape shape = dsp::outputShape(pipeline);
    std::vector<float> scratch(dsp::scratchFloats(pipeline));
    std::vector<Example> out;
    for (std::size_t label = 0; label < kClasses; ++label) {
        Motor motor(seed, device, static_cast<MotorCondition>(label));
        for (std::size_t w = 0; w < windows; ++w) {
            std::vector<float> window;
            for (std::size_t i = 0; i < kLength; ++i) {
                const auto sample = motor.next();
                window.insert(window.end(), sample.begin(), sample.end());
            }
            Example example{Features(shape.steps * shape.features), label};
            dsp::extract(pipeline, window.data(), scratch.data(), example.features.data());
            out.push_back(std::move(example));
        }
    }
    return out;
}

// Softmax regression by plain gradient descent on standardised features: less than any planned
// network.
class Classifier {
  public:
    explicit Classifier(const std::vector<Example>& train)
        : mean_(train[0].features.size()),
          scale_(mean_.size()),
          weights_(kClasses * (mean_.size() + 1)) {
        for (const Example& e : train) {
            for (std::size_t i = 0; i < mean_.size(); ++i)
                mean_[i] += e.features[i] / static_cast<float>(train.size());
        }
        for (const Example& e : train) {
            for (std::size_t i = 0; i < mean_.size(); ++i) {
                scale_[i] += (e.features[i] - mean_[i]) * (e.features[i] - mean_[i]) /
                             static_cast<float>(train.size());
            }
        }
        for (float& s : scale_) s = 1 / std::sqrt(s + 1e-6f);
        for (int epoch = 0; epoch < 150; ++epoch) descend(train);
    }

    std::size_t classify(const Features& features) const {
        const auto p = probabilities(features);
        return static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
    }

  private:
    std::array<float, kClasses> probabilities(const Features& features) const {
        std::array<float, kClasses> out{};
        float sum = 0;
        for (std::size_t c = 0; c < kClasses; ++c) {
            const float* w = weights_.data() + c * (mean_.size() + 1);
            float z = w[mean_.size()];
            for (std::size_t i = 0; i < mean_.size(); ++i)
                z += w[i] * (features[i] - mean_[i]) * scale_[i];
            out[c] = std::exp(std::min(z, 30.0f));
            sum += out[c];
        }
        for (float& p : out) p /= sum;
        return out;
    }

    void descend(const std::vector<Example>& train) {
        std::vector<float> gradient(weights_.size());
        for (const Example& e : train) {
            const auto p = probabilities(e.features);
            for (std::size_t c = 0; c < kClasses; ++c) {
                const float error = p[c] - (c == e.label ? 1.0f : 0.0f);
                float* g = gradient.data() + c * (mean_.size() + 1);
                for (std::size_t i = 0; i < mean_.size(); ++i)
                    g[i] += error * (e.features[i] - mean_[i]) * scale_[i];
                g[mean_.size()] += error;
            }
        }
        const float step = 0.1f / static_cast<float>(train.size());
        for (std::size_t i = 0; i < weights_.size(); ++i)
            weights_[i] -= step * gradient[i] + 1e-4f * weights_[i];
    }

    std::vector<float> mean_;
    std::vector<float> scale_;
    std::vector<float> weights_;
};

TEST(Motor, LearntOnOneDeviceItHoldsOnOthers) {
    for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u, 6u}) {
        const Classifier classifier(record(seed, 1, 60));
        for (const std::uint32_t device : {2u, 3u}) {
            const auto test = record(seed, device, 50);
            const auto right = std::count_if(test.begin(), test.end(), [&](const Example& e) {
                return classifier.classify(e.features) == e.label;
            });
            const double accuracy = static_cast<double>(right) / static_cast<double>(test.size());
            std::printf("seed %llu device %u: %.3f\n", static_cast<unsigned long long>(seed),
                        device, accuracy);
            EXPECT_GE(accuracy, 0.95) << "seed " << seed << " device " << device;
        }
    }
}

}  // namespace
}  // namespace tinsmith::image
