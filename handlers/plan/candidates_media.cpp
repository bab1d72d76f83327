// Sounds and pictures: two-dimensional networks on log-mel bands and on pixels.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numbers>

#include "handlers/plan/candidate_parts.hpp"

namespace tinsmith::plan {
namespace {

constexpr int kBands = 32;
constexpr int kMostFrames = 64;
constexpr double kFrameSeconds = 0.032;
constexpr int kLargestSide = 32;
// Networks of two dimensions settle well with small batches.
constexpr int kBatch = 32;
constexpr int kLargeBatch = 64;  // where there are many windows
constexpr std::size_t kManyWindows = 4000;

// Convolutions of 3 x 3, a pool after each but the last.
std::vector<Layer> pyramid(int channels, std::initializer_list<int> filters) {
    std::vector<Layer> layers = {asImage(channels)};
    for (const int each : filters) {
        if (layers.size() > 1) layers.push_back(pool(LayerKind::max_pool));
        layers.push_back(conv2d(each));
    }
    return layers;
}

std::vector<Layer> with(std::vector<Layer> layers, std::initializer_list<Layer> more) {
    layers.insert(layers.end(), more);
    return layers;
}

// Two convolutions between pools.
std::vector<Layer> pairs(int channels, std::initializer_list<int> filters) {
    std::vector<Layer> layers = {asImage(channels)};
    for (const int each : filters) {
        layers.push_back(conv2d(each));
        layers.push_back(conv2d(each));
        layers.push_back(pool(LayerKind::max_pool));
    }
    return layers;
}

// Each channel by itself, then all of them at one place: a fraction of the multiplications.
std::vector<Layer> separable(int channels, std::initializer_list<int> filters) {
    std::vector<Layer> layers = {asImage(channels)};
    bool first = true;
    for (const int each : filters) {
        if (first) {
            layers.push_back(conv2d(each, 3, 2));
        } else {
            layers.push_back(depthwise());
            layers.push_back(conv2d(each, 1));
            layers.push_back(pool(LayerKind::max_pool));
        }
        first = false;
    }
    return layers;
}

Training soundTraining(const SearchInput& input) {
    Training t;
    t.epochs = epochsFor(input, 45000, 5, 100);
    t.learningRate = 0.004;
    t.batchSize = input.trainWindows < kManyWindows ? kBatch : kLargeBatch;
    t.weightDecay = 0.0005;
    t.patience = t.epochs;
    t.augment.shift = std::max(1, input.window.length / 16);
    t.augment.pitch = 0.1;
    t.augment.timeWarp = 0.1;
    return t;
}

Training pictureTraining(const SearchInput& input) {
    Training t;
    t.epochs = epochsFor(input, 150000, 5, 80);
    t.learningRate = 0.004;
    t.batchSize = input.trainWindows < kManyWindows ? kBatch : kLargeBatch;
    t.weightDecay = 0.0005;
    t.patience = t.epochs;
    return t;
}

}  // namespace

void addSounds(Space& space) {
    const WindowShape& window = space.input.window;
    // The power of two that is nearest on a logarithmic scale.
    const auto wanted =
        static_cast<int>(std::lround(kFrameSeconds * window.rateHz * std::numbers::sqrt2));
    const int fft = std::clamp(powerOfTwoUpTo(std::min(wanted, window.length)), 64, 1024);
    // A longer window gets frames that are farther apart, not more of them.
    const int hop = std::max(fft / 2, (window.length - fft) / (kMostFrames - 1));
    const int channels = window.channels;
    const Training t = soundTraining(space.input);
    Training calm = t;
    calm.augment = {};
    const auto average = just(LayerKind::global_average_pool);
    const auto maximum = just(LayerKind::global_max_pool);

    space.add("Bands relative to the loudest, four convolutions, averaged over time and frequency.",
              {mel(fft, hop, kBands, true)}, with(pyramid(channels, {16, 24, 32, 48}), {average}),
              t);
    space.add("The same without changed copies.", {mel(fft, hop, kBands, true)},
              with(pyramid(channels, {16, 24, 32, 48}), {average}), calm);
    space.add("A wider network, with dropout.", {mel(fft, hop, kBands, true)},
              with(pyramid(channels, {16, 32, 48, 64}), {average, dropout(0.2)}), t);
    space.add("Levels as they are: loudness tells the classes apart.",
              {mel(fft, hop, kBands, false)}, with(pyramid(channels, {16, 24, 32, 48}), {average}),
              t);
    space.add("The loudest place instead of the average.", {mel(fft, hop, kBands, true)},
              with(pyramid(channels, {16, 24, 32, 48}), {maximum}), t);
    // For small boards.
    space.add("Fewer bands and frames.", {mel(fft, 2 * hop, kBands / 2, true)},
              with(pyramid(channels, {12, 16, 24}), {average}), t);
    space.add("Channel by channel convolutions that fit nearly everywhere.",
              {mel(fft, 2 * hop, kBands / 2, true)},
              with(separable(channels, {12, 24, 32}), {average}), t);
    space.add("Bands without their order in time: the smallest plan.",
              {mel(fft, window.length, kBands, true)}, {dense(24, true)}, t);
}

void addPictures(Space& space) {
    const WindowShape& window = space.input.window;
    const int longer = std::max(window.pictureRows, window.pictureColumns);
    const double shrink = std::min(1.0, static_cast<double>(kLargestSide) / longer);
    const auto side = [&](int pixels, double share) {
        return std::max(1, static_cast<int>(std::lround(pixels * share)));
    };
    const int rows = side(window.pictureRows, shrink);
    const int columns = side(window.pictureColumns, shrink);
    const bool colour = window.channels == 3;
    const Training t = pictureTraining(space.input);
    Training moved = t;
    moved.augment.shiftPixels = std::max(1, longer / 16);
    moved.augment.zoom = 0.1;
    const auto average = just(LayerKind::global_average_pool);
    const auto flat = just(LayerKind::flatten);
    // Parts of a photograph lie anywhere; things that were cut out and centred do not.
    const bool photograph = colour || longer > kLargestSide;
    const Feature grey = image(rows, columns, true, true);

    if (photograph) {
        space.add("Grey pictures of even contrast, moved and zoomed a little, four convolutions.",
                  {grey}, with(pyramid(1, {16, 24, 32, 48}), {average}), moved);
    } else {
        // Of so many inputs the last layer learns by heart, were it not held back.
        Training firm = t;
        firm.weightDecay = 0.005;
        space.add("Three convolutions, and where exactly each thing lies in the picture.", {grey},
                  with(pyramid(1, {16, 32, 48}), {flat, dropout(0.6)}), firm);
    }
    space.add("Three convolutions, and about where each thing lies in the picture.", {grey},
              with(pyramid(1, {16, 32, 48}), {pool(LayerKind::max_pool), flat, dropout(0.4)}),
              photograph ? moved : t);
    space.add("Brightness as it is.", {image(rows, columns, true, false)},
              with(pyramid(1, {16, 32, 48}), {pool(LayerKind::max_pool), flat, dropout(0.4)}), t);
    space.add("Pairs of convolutions between pools.", {grey},
              with(pairs(1, {16, 24, 32}), {flat, dropout(0.4)}), photograph ? moved : t);
    if (colour) {
        space.add("With colours.", {image(rows, columns, false, true)},
                  with(pyramid(3, {16, 24, 32, 48}), {average}), moved);
    }
    space.add("A wider network, averaged over the picture.", {grey},
              with(pyramid(1, {16, 32, 48, 64}), {average, dropout(0.2)}), moved);
    // For small boards.
    const Feature small = image(side(window.pictureRows, shrink / 2),
                                side(window.pictureColumns, shrink / 2), true, true);
    space.add("Half the size.", {small}, with(pyramid(1, {12, 24, 32}), {flat, dropout(0.2)}), t);
    space.add("Channel by channel convolutions that fit nearly everywhere.", {small},
              with(separable(1, {8, 16, 24}), {flat}), t);
    space.add("Single pixels of a small picture.", {small}, {flat, dense(16, true)}, t);
}

}  // namespace tinsmith::plan
