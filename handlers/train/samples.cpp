#include "handlers/train/samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tinsmith::train {
namespace {

std::vector<float> channelDeviations(const dataset::Dataset& data) {
    const std::size_t channels = data.channels.size();
    std::vector<double> sum(channels), squares(channels);
    double count = 0;
    for (const auto& segment : data.segments) {
        if (segment.part != dataset::Part::train) continue;
        for (std::size_t i = 0; i < segment.samples * channels; ++i) {
            const double value = data.samples[segment.offset + i];
            sum[i % channels] += value;
            squares[i % channels] += value * value;
        }
        count += static_cast<double>(segment.samples);
    }
    std::vector<float> deviations(channels);
    for (std::size_t c = 0; c < channels && count > 0; ++c) {
        const double mean = sum[c] / count;
        deviations[c] =
            static_cast<float>(std::sqrt(std::max(0.0, squares[c] / count - mean * mean)));
    }
    return deviations;
}

}  // namespace

Extractor::Extractor(const plan::Plan& plan, const dataset::Dataset& data)
    : plan_(plan),
      data_(data),
      pipeline_(plan::pipelineOf(
          plan, {static_cast<int>(data.windowLength), static_cast<int>(data.channels.size()),
                 static_cast<int>(data.classes.size())})),
      scratch_(dsp::scratchFloats(pipeline_)),
      noisy_(data.windowLength * data.channels.size()),
      channelDeviation_(channelDeviations(data)) {
    const dsp::Shape shape = dsp::outputShape(pipeline_);
    steps_ = static_cast<int>(shape.steps);
    features_ = static_cast<int>(shape.features);
    for (const auto& block : plan.features)
        rawOnly_ = rawOnly_ && block.kind == dsp::BlockKind::raw;
}

void Extractor::one(const float* window, float* features) {
    dsp::extract(pipeline_, window, scratch_.data(), features);
}

Samples Extractor::extract(const std::vector<dataset::WindowRef>& windows) {
    Samples samples;
    samples.width = static_cast<std::size_t>(steps_) * features_;
    samples.values.resize(windows.size() * samples.width);
    samples.labels.reserve(windows.size());
    for (std::size_t i = 0; i < windows.size(); ++i) {
        one(windows[i].samples, samples.values.data() + i * samples.width);
        samples.labels.push_back(windows[i].label);
    }
    return samples;
}

void Extractor::augmented(const std::vector<dataset::WindowRef>& windows,
                          const std::vector<std::size_t>& order, std::mt19937_64& random,
                          Samples& out) {
    const std::size_t channels = data_.channels.size();
    const auto shift = static_cast<std::ptrdiff_t>(plan_.training.shift);
    std::uniform_int_distribution<std::ptrdiff_t> moves(-shift, shift);
    std::normal_distribution<float> normal;
    out.width = static_cast<std::size_t>(steps_) * features_;
    out.values.resize(order.size() * out.width);
    out.labels.resize(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        const dataset::WindowRef& window = windows[order[i]];
        const dataset::Segment& segment = data_.segments[window.segment];
        const float* first = data_.samples.data() + segment.offset;
        const float* source = window.samples;
        if (shift > 0) {
            const auto at = (source - first) / static_cast<std::ptrdiff_t>(channels);
            const auto last = static_cast<std::ptrdiff_t>(segment.samples - data_.windowLength);
            source = first + std::clamp<std::ptrdiff_t>(at + moves(random), 0, last) *
                                 static_cast<std::ptrdiff_t>(channels);
        }
        if (rawOnly_ && plan_.training.noise > 0) {
            const auto share = static_cast<float>(plan_.training.noise);
            for (std::size_t v = 0; v < noisy_.size(); ++v) {
                noisy_[v] = source[v] + share * channelDeviation_[v % channels] * normal(random);
            }
            source = noisy_.data();
        }
        one(source, out.values.data() + i * out.width);
        out.labels[i] = window.label;
    }
}

Normalisation fit(const Samples& samples, int features) {
    const auto columns = static_cast<std::size_t>(features);
    std::vector<double> sum(columns), squares(columns);
    for (std::size_t i = 0; i < samples.values.size(); ++i) sum[i % columns] += samples.values[i];
    const double rows = static_cast<double>(samples.values.size()) / static_cast<double>(columns);
    for (auto& value : sum) value /= rows;
    for (std::size_t i = 0; i < samples.values.size(); ++i) {
        const double away = samples.values[i] - sum[i % columns];
        squares[i % columns] += away * away;
    }
    Normalisation result;
    for (std::size_t c = 0; c < columns; ++c) {
        const double deviation = std::sqrt(squares[c] / rows);
        result.mean.push_back(static_cast<float>(sum[c]));
        result.inverseDeviation.push_back(deviation > 1e-6 * (1e-3 + std::abs(sum[c]))
                                              ? static_cast<float>(1 / deviation)
                                              : 0.0f);
    }
    return result;
}

void apply(const Normalisation& normalisation, Samples& samples) {
    const std::size_t columns = normalisation.mean.size();
    for (std::size_t i = 0; i < samples.values.size(); ++i) {
        samples.values[i] = (samples.values[i] - normalisation.mean[i % columns]) *
                            normalisation.inverseDeviation[i % columns];
    }
}

}  // namespace tinsmith::train
