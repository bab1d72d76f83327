#include "handlers/train/samples.hpp"

#include <algorithm>
#include <cmath>

#include "handlers/train/job.hpp"

namespace tinsmith::train {
namespace {

// Filter banks that pitch augmentation chooses from.
constexpr int kPitches = 16;

bool rawAlone(const plan::Plan& plan) {
    return std::ranges::all_of(plan.features, [](const plan::Feature& block) {
        return block.kind == dsp::BlockKind::raw;
    });
}

bool hears(const plan::Plan& plan) {
    return std::ranges::any_of(plan.features, [](const plan::Feature& block) {
        return block.kind == dsp::BlockKind::mel;
    });
}

std::vector<plan::FrontEnd> pitched(const plan::Plan& plan, const plan::WindowShape& window) {
    std::vector<plan::FrontEnd> pitches;
    const double most = plan.training.augment.pitch;
    for (int i = 0; most > 0 && i < kPitches; ++i) {
        pitches.emplace_back(plan, window, 1 + most * (2.0 * i / (kPitches - 1) - 1));
    }
    return pitches;
}

}  // namespace

Extractor::Extractor(const plan::Plan& plan, const dataset::Dataset& data,
                     const code::FeatureTable* codeFeatures)
    : plan_(plan),
      rawOnly_(rawAlone(plan)),
      frontEnd_(plan, windowShape(data)),
      pitches_(pitched(plan, windowShape(data))),
      augmenter_(plan_.training.augment, data, {.noise = rawOnly_, .beyond = hears(plan)}),
      sharedColumns_(plan::sharedColumns(frontEnd_.pipeline())),
      scratch_(dsp::scratchFloats(frontEnd_.pipeline())) {
    if (codeFeatures != nullptr) frontEnd_.use(codeFeatures->hook());
    const dsp::Shape shape = dsp::outputShape(frontEnd_.pipeline());
    steps_ = static_cast<int>(shape.steps);
    features_ = static_cast<int>(shape.features);
}

Samples Extractor::extract(const std::vector<dataset::WindowRef>& windows) {
    Samples samples;
    samples.width = static_cast<std::size_t>(steps_) * features_;
    samples.values.resize(windows.size() * samples.width);
    samples.labels.reserve(windows.size());
    for (std::size_t i = 0; i < windows.size(); ++i) {
        dsp::extract(frontEnd_.pipeline(), windows[i].samples, scratch_.data(),
                     samples.values.data() + i * samples.width);
        samples.labels.push_back(windows[i].label);
    }
    return samples;
}

void Extractor::augmented(const std::vector<dataset::WindowRef>& windows,
                          const std::vector<std::size_t>& order, std::mt19937_64& random,
                          Samples& out) {
    out.width = static_cast<std::size_t>(steps_) * features_;
    out.values.resize(order.size() * out.width);
    out.labels.resize(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        const dataset::WindowRef& window = windows[order[i]];
        const float* samples =
            augmenter_.any() ? augmenter_.window(window, random) : window.samples;
        const plan::FrontEnd& frontEnd =
            pitches_.empty() ? frontEnd_ : pitches_[random() % pitches_.size()];
        dsp::extract(frontEnd.pipeline(), samples, scratch_.data(),
                     out.values.data() + i * out.width);
        out.labels[i] = window.label;
    }
}

Normalisation fit(const Samples& samples, const std::vector<std::size_t>& sharedColumns) {
    const std::size_t columns = sharedColumns.size();
    std::vector<double> sum(columns), squares(columns), count(columns);
    for (std::size_t i = 0; i < samples.values.size(); ++i) {
        const std::size_t column = sharedColumns[i % columns];
        sum[column] += samples.values[i];
        count[column] += 1;
    }
    for (std::size_t c = 0; c < columns; ++c) sum[c] /= std::max(1.0, count[c]);
    for (std::size_t i = 0; i < samples.values.size(); ++i) {
        const std::size_t column = sharedColumns[i % columns];
        const double away = samples.values[i] - sum[column];
        squares[column] += away * away;
    }
    Normalisation result;
    for (const std::size_t c : sharedColumns) {
        const double deviation = std::sqrt(squares[c] / std::max(1.0, count[c]));
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
