#include "handlers/quantize/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tinsmith::quantize {

namespace {

// Enough that a percentile of 99.9 rests on thirty values at each end; the search for the least
// error stays below a second for every network that fits a microcontroller.
constexpr std::size_t kMostValues = 32768;
constexpr int kHundredths = 100;

// Values of one activation, every `every`th of them.
class Sample {
  public:
    // `width` values a window.
    Sample(std::size_t windows, std::size_t width) {
        every_ = std::max<std::size_t>(1, (windows * width + kMostValues - 1) / kMostValues);
        // Else some places of the activation would never be looked at.
        while (std::gcd(every_, width) != 1) ++every_;
    }

    void take(const std::vector<float>& activation) {
        for (; next_ < activation.size(); next_ += every_) values_.push_back(activation[next_]);
        next_ -= activation.size();
    }

    train::ValueRange range(const plan::Quantization& recipe, train::ValueRange seen) {
        if (values_.empty()) return seen;
        if (recipe.calibration == plan::CalibrationKind::mse) return leastErrorRange(values_, seen);
        return recipe.percentile < 100 ? percentileRange(values_, recipe.percentile) : seen;
    }

  private:
    std::vector<float> values_;
    std::size_t every_ = 1;
    std::size_t next_ = 0;
};

}  // namespace

train::ValueRange percentileRange(std::vector<float>& values, double percentile) {
    const auto count = static_cast<double>(values.size());
    const auto kept = static_cast<std::size_t>(std::ceil(percentile / 100 * count - 1e-9));
    const std::size_t rank = std::clamp<std::size_t>(kept, 1, values.size()) - 1;
    const auto upper = values.begin() + static_cast<std::ptrdiff_t>(rank);
    train::ValueRange range;
    std::nth_element(values.begin(), upper, values.end());
    range.maximum = std::max(0.0F, *upper);
    const auto lower = values.begin() + static_cast<std::ptrdiff_t>(values.size() - 1 - rank);
    std::nth_element(values.begin(), lower, values.end());
    range.minimum = std::min(0.0F, *lower);
    return range;
}

double quantisationError(const std::vector<float>& values, train::ValueRange range) {
    const auto [scale, zero] = train::activationScale(range);
    const float inverse = 1.0F / scale;
    const float lowest = static_cast<float>(-128 - zero);
    const float highest = static_cast<float>(127 - zero);
    double sum = 0;
    for (const float value : values) {
        const float steps = std::clamp(std::floor(value * inverse + 0.5F), lowest, highest);
        const float lost = value - steps * scale;
        sum += static_cast<double>(lost) * lost;
    }
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

train::ValueRange leastErrorRange(const std::vector<float>& values, train::ValueRange seen) {
    train::ValueRange best = seen;
    double least = quantisationError(values, seen);
    const auto search = [&](float train::ValueRange::* end) {
        const float whole = seen.*end;
        if (whole == 0) return;
        for (int part = kHundredths - 1; part > 0; --part) {
            train::ValueRange range = best;
            range.*end = whole * static_cast<float>(part) / kHundredths;
            const double error = quantisationError(values, range);
            if (error >= least) continue;
            least = error;
            best = range;
        }
    };
    for (int round = 0; round < 2; ++round) {
        search(&train::ValueRange::maximum);
        search(&train::ValueRange::minimum);
    }
    return best;
}

train::Ranges calibrate(const train::FloatNetwork& network,
                        const std::vector<std::vector<float>>& inputs,
                        const plan::Quantization& recipe) {
    train::Ranges ranges;
    ranges.layers.resize(network.layers.size());
    const bool sampled = recipe.calibration != plan::CalibrationKind::min_max;
    std::vector<Sample> samples;  // of the input, then of each layer
    std::vector<std::vector<float>> outputs;
    for (const auto& input : inputs) {
        for (const float value : input) ranges.input.take(value);
        train::forward(network, input, outputs);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            for (const float value : outputs[i]) ranges.layers[i].take(value);
        }
        if (!sampled) continue;
        if (samples.empty()) {
            samples.emplace_back(inputs.size(), input.size());
            for (const auto& output : outputs) samples.emplace_back(inputs.size(), output.size());
        }
        samples[0].take(input);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            if (!network.layers[i].bias.empty()) samples[i + 1].take(outputs[i]);
        }
    }
    if (samples.empty()) return ranges;
    ranges.input = samples[0].range(recipe, ranges.input);
    for (std::size_t i = 0; i < ranges.layers.size(); ++i) {
        ranges.layers[i] = samples[i + 1].range(recipe, ranges.layers[i]);
    }
    return ranges;
}

}  // namespace tinsmith::quantize
