#include "handlers/quantize/features.hpp"

#include <limits>

namespace tinsmith::quantize {

Result<Features> Features::create(const plan::Plan& plan, const plan::WindowShape& window,
                                  const train::Normalisation& normalisation) {
    Features result(plan::FrontEnd(plan, window));
    result.mean_ = normalisation.mean;
    result.inverseDeviation_ = normalisation.inverseDeviation;
    result.pipeline_.mean = result.mean_.data();
    result.pipeline_.inverseDeviation = result.inverseDeviation_.data();
    if (!dsp::valid(result.pipeline_))
        return fail(Code::bad_data, "the plan's features do not fit the window");
    const dsp::Shape shape = dsp::outputShape(result.pipeline_);
    if (result.mean_.size() != shape.features ||
        result.inverseDeviation_.size() != shape.features) {
        return fail(Code::bad_data, "the network was trained on other features than the plan's");
    }
    result.count_ = std::size_t{shape.steps} * shape.features;
    result.scratch_.resize(dsp::scratchFloats(result.pipeline_));
    return result;
}

void Features::use(std::shared_ptr<const code::FeatureTable> codeFeatures) {
    codeFeatures_ = std::move(codeFeatures);
    if (codeFeatures_ != nullptr) pipeline_.code = codeFeatures_->hook();
}

Result<Features> Features::ofWindow(const plan::WindowShape& window) {
    if (window.length > std::numeric_limits<std::uint16_t>::max()) {
        return fail(Code::bad_data, "the window has " + std::to_string(window.length) + " samples");
    }
    plan::Plan plan;
    plan::Feature raw{};
    raw.kind = dsp::BlockKind::raw;
    raw.decimate = 1;
    plan.features.push_back(raw);
    const auto channels = static_cast<std::size_t>(window.channels);
    return create(plan, window,
                  {std::vector<float>(channels, 0.0F), std::vector<float>(channels, 1.0F)});
}

void Features::setInput(const nn::Graph& graph) {
    const nn::Tensor& input = graph.tensors[static_cast<std::size_t>(graph.inputs[0])];
    pipeline_.inverseScale = 1.0F / input.scales[0];
    pipeline_.zeroPoint = input.zeroPoint;
}

std::vector<float> Features::normalised(const float* window) {
    std::vector<float> features(count_);
    dsp::extract(pipeline_, window, scratch_.data(), features.data());
    const std::size_t columns = mean_.size();
    for (std::size_t i = 0; i < count_; ++i) {
        features[i] = (features[i] - mean_[i % columns]) * inverseDeviation_[i % columns];
    }
    return features;
}

std::vector<std::int8_t> Features::quantised(const float* window) {
    std::vector<std::int8_t> output(count_);
    dsp::run(pipeline_, window, scratch_.data(), output.data());
    return output;
}

}  // namespace tinsmith::quantize
