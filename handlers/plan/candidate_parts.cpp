#include "handlers/plan/candidate_parts.hpp"

#include <algorithm>
#include <cmath>

namespace tinsmith::plan {
namespace {

Feature block(dsp::BlockKind kind) {
    Feature feature{};
    feature.kind = kind;
    feature.decimate = 1;
    return feature;
}

}  // namespace

Feature raw(bool magnitude, bool center, int decimate) {
    Feature feature = block(dsp::BlockKind::raw);
    feature.magnitude = magnitude;
    feature.center = center;
    feature.decimate = static_cast<std::uint16_t>(decimate);
    return feature;
}

Feature statistics() {
    return block(dsp::BlockKind::statistics);
}

Feature spectrum(int fft, int hop, int bins) {
    Feature feature = block(dsp::BlockKind::spectrum);
    feature.log = true;
    feature.fft = static_cast<std::uint16_t>(fft);
    feature.hop = static_cast<std::uint16_t>(hop);
    feature.bins = static_cast<std::uint16_t>(bins);
    return feature;
}

Feature mel(int fft, int hop, int bands, bool relative) {
    Feature feature = block(dsp::BlockKind::mel);
    feature.fft = static_cast<std::uint16_t>(fft);
    feature.hop = static_cast<std::uint16_t>(hop);
    feature.bins = static_cast<std::uint16_t>(bands);
    feature.relative = relative;
    return feature;
}

Feature image(int rows, int columns, bool grey, bool normalise) {
    Feature feature = block(dsp::BlockKind::image);
    feature.rows = static_cast<std::uint16_t>(rows);
    feature.columns = static_cast<std::uint16_t>(columns);
    feature.grey = grey;
    feature.normalise = normalise;
    return feature;
}

Layer just(LayerKind kind) {
    Layer layer;
    layer.kind = kind;
    return layer;
}

Layer conv(int filters, int kernel, int stride) {
    Layer layer = just(LayerKind::conv1d);
    layer.filters = filters;
    layer.kernel = kernel;
    layer.stride = stride;
    layer.batchNorm = true;
    return layer;
}

Layer conv2d(int filters, int kernel, int stride) {
    Layer layer = just(LayerKind::conv2d);
    layer.filters = filters;
    layer.kernel = layer.kernelColumns = kernel;
    layer.stride = layer.strideColumns = stride;
    layer.batchNorm = true;
    return layer;
}

Layer depthwise(int kernel, int stride) {
    Layer layer = just(LayerKind::depthwise_conv2d);
    layer.kernel = layer.kernelColumns = kernel;
    layer.stride = layer.strideColumns = stride;
    layer.batchNorm = true;
    return layer;
}

Layer asImage(int channels) {
    Layer layer = just(LayerKind::image);
    layer.channels = channels;
    return layer;
}

Layer pool(LayerKind kind, int size) {
    Layer layer = just(kind);
    layer.size = size;
    return layer;
}

Layer dense(int units, bool batchNorm) {
    Layer layer = just(LayerKind::dense);
    layer.units = units;
    layer.batchNorm = batchNorm;
    return layer;
}

Layer dropout(double rate) {
    Layer layer = just(LayerKind::dropout);
    layer.rate = rate;
    return layer;
}

int powerOfTwoUpTo(int most) {
    int value = 1;
    while (value * 2 <= most) value *= 2;
    return value;
}

int batchFor(const SearchInput& input) {
    return input.trainWindows < 400 ? 16 : input.trainWindows < 1200 ? 32 : 64;
}

int epochsFor(const SearchInput& input, double windowsToSee, int least, int most) {
    const double windows = static_cast<double>(std::max<std::size_t>(input.trainWindows, 1));
    return std::clamp(static_cast<int>(std::lround(windowsToSee / windows)), least, most);
}

Augmentation asOnOtherDevices(Augmentation augment) {
    augment.timeWarp = kOtherSpeed;
    augment.scale = kOtherLevel;
    augment.rotate = kAskew;
    return augment;
}

void Space::add(const char* reason, std::vector<Feature> features, std::vector<Layer> network,
                Training training, std::optional<Windowing> windowing) {
    Plan plan;
    plan.windowing = windowing;
    plan.reason = reason;
    plan.features = std::move(features);
    plan.network = std::move(network);
    plan.training = training;
    if (validate(plan, input.window)) plans.push_back(std::move(plan));
}

}  // namespace tinsmith::plan
