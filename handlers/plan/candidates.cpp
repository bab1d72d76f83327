#include "handlers/plan/candidates.hpp"

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

Feature raw(bool magnitude, bool center, int decimate = 1) {
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

Layer conv(int filters, int kernel, int stride = 1) {
    Layer layer;
    layer.kind = LayerKind::conv1d;
    layer.filters = filters;
    layer.kernel = kernel;
    layer.stride = stride;
    layer.batchNorm = true;
    return layer;
}

Layer pool(LayerKind kind, int size = 2) {
    Layer layer;
    layer.kind = kind;
    layer.size = size;
    return layer;
}

Layer dense(int units, bool batchNorm = false) {
    Layer layer;
    layer.kind = LayerKind::dense;
    layer.units = units;
    layer.batchNorm = batchNorm;
    return layer;
}

Layer dropout(double rate) {
    Layer layer;
    layer.kind = LayerKind::dropout;
    layer.rate = rate;
    return layer;
}

Layer just(LayerKind kind) {
    Layer layer;
    layer.kind = kind;
    return layer;
}

int powerOfTwoUpTo(int most) {
    int value = 1;
    while (value * 2 <= most) value *= 2;
    return value;
}

// Enough windows seen for a small network to settle, whatever the size of the dataset.
int epochsFor(const SearchInput& input, double windowsToSee, int least, int most) {
    const double windows = static_cast<double>(std::max<std::size_t>(input.trainWindows, 1));
    return std::clamp(static_cast<int>(std::lround(windowsToSee / windows)), least, most);
}

int batchFor(const SearchInput& input) {
    return input.trainWindows < 400 ? 16 : input.trainWindows < 1200 ? 32 : 64;
}

struct Space {
    const SearchInput& input;
    std::vector<Plan> plans;

    void add(const char* reason, std::vector<Feature> features, std::vector<Layer> network,
             Training training) {
        Plan plan;
        plan.reason = reason;
        plan.features = std::move(features);
        plan.network = std::move(network);
        plan.training = training;
        plan.training.batchSize = batchFor(input);
        if (validate(plan, input.window)) plans.push_back(std::move(plan));
    }
};

Training tableTraining(const SearchInput& input) {
    Training t;
    t.epochs = epochsFor(input, 20000, 30, 200);
    t.learningRate = 0.01;
    t.weightDecay = 0.0005;
    t.patience = std::max(20, t.epochs / 3);
    return t;
}

// Convolutions on samples: a shift of half a window makes every window a new one. The large steps
// matter: on the recordings 0.015 beat 0.003 by several points at the same number of epochs.
Training signalTraining(const SearchInput& input) {
    Training t;
    t.epochs = epochsFor(input, 60000, 6, 80);
    t.learningRate = 0.015;
    t.weightDecay = 0.0005;
    t.patience = std::max(6, t.epochs / 2);
    t.augment.shift = std::max(1, input.window.length / 2);
    return t;
}

Training featureTraining(const SearchInput& input) {
    Training t = signalTraining(input);
    t.epochs = epochsFor(input, 60000, 10, 120);
    t.learningRate = 0.005;
    t.augment.noise = 0.05;
    return t;
}

// Three convolutions with two pools; the first one thins long windows by its stride.
std::vector<Layer> threeConvs(int length, int a, int b, int c, LayerKind poolKind) {
    std::vector<Layer> layers = {conv(a, 5, length >= 512 ? 4 : length >= 128 ? 2 : 1)};
    if (length >= 24) layers.push_back(pool(poolKind));
    layers.push_back(conv(b, length >= 64 ? 5 : 3));
    if (length >= 48) layers.push_back(pool(poolKind));
    layers.push_back(conv(c, 3));
    layers.push_back(just(LayerKind::global_average_pool));
    return layers;
}

std::vector<Layer> with(std::vector<Layer> layers, Layer more) {
    layers.push_back(more);
    return layers;
}

void tables(Space& space) {
    const Training t = tableTraining(space.input);
    const bool oneRow = space.input.window.length == 1;
    const auto start = [&](std::vector<Layer> layers) {
        if (!oneRow) layers.insert(layers.begin(), just(LayerKind::flatten));
        return layers;
    };
    space.add("A few values: one small hidden layer.", {raw(false, false)}, start({dense(8)}), t);
    space.add("A few values: a wider hidden layer.", {raw(false, false)}, start({dense(16)}), t);
    space.add("A few values: two hidden layers.", {raw(false, false)},
              start({dense(24), dense(12)}), t);
    space.add("A few values: no hidden layer at all.", {raw(false, false)}, start({}), t);
    if (oneRow && space.input.window.channels >= 2) {
        space.add("The values and their norm.", {raw(true, false)}, start({dense(16)}), t);
    }
}

void signals(Space& space) {
    const WindowShape& window = space.input.window;
    const int length = window.length;
    const bool many = window.channels >= 2;  // a norm of one channel says nothing new
    const Training t = signalTraining(space.input);
    const Training f = featureTraining(space.input);
    const auto average = LayerKind::average_pool;
    const auto maximum = LayerKind::max_pool;
    const int fft = std::min(powerOfTwoUpTo(length), 128);
    const int bins = std::min(16, fft / 2);
    const int shortFft = std::max(static_cast<int>(dsp::kMinFft), std::min(32, fft / 2));

    space.add("Rhythm and posture: convolutions on samples and their norm.", {raw(many, false)},
              threeConvs(length, 16, 32, 32, maximum), t);
    space.add("Samples with and without their mean, so that posture and movement stand apart.",
              {raw(many, false), raw(false, true)},
              with(threeConvs(length, 16, 32, 48, maximum), dropout(0.2)), t);
    space.add("Levels and spectrum without their order in time.",
              {statistics(), spectrum(fft, fft, bins)}, {dense(32, true), dropout(0.2), dense(16)},
              f);
    space.add("Averages instead of maxima between the convolutions.", {raw(many, false)},
              threeConvs(length, 16, 32, 32, average), t);
    space.add("Movement only: the mean is taken out.", {raw(many, true)},
              threeConvs(length, 16, 32, 32, maximum), t);
    if (fft > shortFft) {
        space.add("Convolutions over the frames of a spectrum.",
                  {spectrum(shortFft, shortFft / 2, shortFft / 2)},
                  {conv(24, 3), conv(32, 3), just(LayerKind::global_average_pool), dropout(0.2)},
                  f);
    }
    // For small boards.
    space.add("A small convolution that fits nearly everywhere.", {raw(false, false)},
              threeConvs(length, 8, 12, 16, maximum), t);
    space.add("Levels alone: the smallest plan.", {statistics()}, {dense(12)}, f);
    if (length >= 64) {
        space.add("A small convolution on thinned samples.", {raw(many, false, 2)},
                  threeConvs(length / 2, 8, 16, 16, maximum), t);
    }
}

Plan scaled(Plan plan, double factor) {
    for (auto& layer : plan.network) {
        const auto times = [&](int value, int most) {
            return std::clamp(static_cast<int>(std::lround(value * factor)), 4, most);
        };
        if (layer.kind == LayerKind::conv1d) layer.filters = times(layer.filters, 128);
        if (layer.kind == LayerKind::dense) layer.units = times(layer.units, 256);
    }
    return plan;
}

}  // namespace

std::vector<Plan> candidates(const SearchInput& input) {
    Space space{input, {}};
    if (input.window.length < 16) tables(space);
    if (input.window.length >= 8) signals(space);
    return std::move(space.plans);
}

std::vector<Plan> variations(const Plan& plan, const SearchInput& input) {
    std::vector<Plan> found;
    const auto add = [&](Plan changed, const char* how) {
        changed.reason = plan.reason.substr(0, 400) + " " + how;
        if (validate(changed, input.window)) found.push_back(std::move(changed));
    };
    add(scaled(plan, 1.5), "Wider.");
    const bool drops =
        std::any_of(plan.network.begin(), plan.network.end(),
                    [](const Layer& layer) { return layer.kind == LayerKind::dropout; });
    if (!drops && !plan.network.empty()) {
        Plan changed = plan;
        changed.network.push_back(dropout(0.25));
        add(std::move(changed), "With dropout.");
    }
    Plan longer = plan;
    longer.training.epochs = std::min(1000, plan.training.epochs * 3 / 2);
    longer.training.learningRate = plan.training.learningRate * 0.6;
    add(std::move(longer), "Longer, in smaller steps.");
    Plan decayed = plan;
    decayed.training.weightDecay = std::min(0.1, plan.training.weightDecay * 20);
    add(std::move(decayed), "With more weight decay.");
    return found;
}

}  // namespace tinsmith::plan
