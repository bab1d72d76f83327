#include "handlers/plan/candidates.hpp"

#include <algorithm>
#include <cmath>

#include "handlers/plan/candidate_parts.hpp"

namespace tinsmith::plan {
namespace {

// Windows that are heard rather than looked at.
constexpr double kSoundRate = 4000;
constexpr int kSoundLength = 1024;

Training tableTraining(const SearchInput& input) {
    Training t;
    t.epochs = epochsFor(input, 20000, 30, 200);
    t.batchSize = batchFor(input);
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
    t.batchSize = batchFor(input);
    t.learningRate = 0.015;
    t.weightDecay = 0.0005;
    t.patience = std::max(6, t.epochs / 2);
    t.augment.shift = std::max(1, input.window.length / 2);
    if (input.oneSource && input.axes) t.augment = asOnOtherDevices(t.augment);
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

// What changed in the last rows says more than where a slow sensor stands, which drifts: noise
// keeps a network from leaning on the exact level.
void addHistories(Space& space) {
    Training t;
    t.epochs = epochsFor(space.input, 100000, 10, 100);
    t.batchSize = batchFor(space.input);
    t.weightDecay = 0.005;
    t.patience = t.epochs;
    t.augment.noise = 0.3;
    const auto changes = [](int rows) {
        return std::vector<Feature>{raw(false, true, rows / 4), raw(false, false, rows)};
    };
    space.add("Levels, and changes over the last 60 rows.", changes(60), {dense(16), dropout(0.2)},
              t, Windowing{60, 2});
    space.add("The same without a hidden layer.", changes(60), {}, t, Windowing{60, 2});
    space.add("Levels, and changes over the last 32 rows.", changes(32), {dense(16), dropout(0.2)},
              t, Windowing{32, 2});
    space.add("Changes over the last 32 rows without a hidden layer.", changes(32), {}, t,
              Windowing{32, 2});
}

}  // namespace

void addTables(Space& space) {
    const Training t = tableTraining(space.input);
    if (space.input.series) addHistories(space);
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

void addSignals(Space& space) {
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

std::vector<Plan> candidates(const SearchInput& input) {
    Space space{input, {}};
    const WindowShape& window = input.window;
    const bool sound =
        window.channels <= 2 && window.length >= kSoundLength && window.rateHz >= kSoundRate;
    if (window.pictureRows > 0) {
        addPictures(space);
    } else if (sound) {
        addSounds(space);
    }
    if (!space.plans.empty()) return std::move(space.plans);
    if (window.length < 16) addTables(space);
    if (window.length >= 8) addSignals(space);
    return std::move(space.plans);
}

}  // namespace tinsmith::plan
