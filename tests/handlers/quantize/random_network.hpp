// Random float networks and smooth random inputs, for tests of what follows training.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "handlers/train/float_network.hpp"

namespace tinsmith::test {

class RandomNetwork {
  public:
    RandomNetwork(std::uint32_t seed, int steps, int features) : random_(seed) {
        network.steps = steps;
        network.features = features;
        network.mean.assign(static_cast<std::size_t>(features), 0.25F);
        network.inverseDeviation.assign(static_cast<std::size_t>(features), 1.5F);
        shape_ = train::inputShape(network);
    }

    train::FloatNetwork network;

    RandomNetwork& conv(int filters, int kernel, int stride = 1) {
        train::FloatLayer layer;
        layer.op = train::Op::conv1d;
        layer.filters = filters;
        layer.kernel = kernel;
        layer.stride = stride;
        layer.relu = true;
        fill(layer, filters, kernel * shape_.channels);
        return add(std::move(layer));
    }
    RandomNetwork& image(int channels) {
        train::FloatLayer layer;
        layer.op = train::Op::image;
        layer.channels = channels;
        return add(std::move(layer));
    }
    // Of 0 filters: depthwise.
    RandomNetwork& conv2d(int filters, int rows, int columns, int strideRows = 1,
                          int strideColumns = 1) {
        train::FloatLayer layer;
        layer.op = filters > 0 ? train::Op::conv2d : train::Op::depthwise_conv2d;
        layer.filters = filters;
        layer.kernel = rows;
        layer.kernelColumns = columns;
        layer.stride = strideRows;
        layer.strideColumns = strideColumns;
        layer.relu = true;
        if (filters > 0)
            fill(layer, filters, rows * columns * shape_.channels);
        else
            fill(layer, shape_.channels, rows * columns);
        return add(std::move(layer));
    }
    RandomNetwork& dense(int units, bool relu) {
        train::FloatLayer layer;
        layer.op = train::Op::dense;
        layer.units = units;
        layer.relu = relu;
        fill(layer, units, shape_.channels);
        return add(std::move(layer));
    }
    RandomNetwork& plain(train::Op op, int size = 0) {
        train::FloatLayer layer;
        layer.op = op;
        layer.size = size;
        return add(std::move(layer));
    }

    // A few sines of random phase and height with noise.
    std::vector<float> input() {
        std::uniform_real_distribution<float> uniform(-1, 1);
        std::vector<float> values;
        for (int f = 0; f < network.features; ++f) phase_.push_back(uniform(random_) * 3);
        const float height = 1 + uniform(random_);
        const float speed = 0.3F + 0.2F * uniform(random_);
        for (int s = 0; s < network.steps; ++s) {
            for (int f = 0; f < network.features; ++f) {
                values.push_back(
                    height * std::sin(speed * static_cast<float>(s) +
                                      phase_[phase_.size() - 1 - static_cast<std::size_t>(f)]) +
                    0.3F * uniform(random_));
            }
        }
        return values;
    }

  private:
    void fill(train::FloatLayer& layer, int rows, int length) {
        std::normal_distribution<float> normal(0, std::sqrt(2.0F / static_cast<float>(length)));
        for (int i = 0; i < rows * length; ++i) layer.weights.push_back(normal(random_));
        for (int i = 0; i < rows; ++i) layer.bias.push_back(0.2F * normal(random_));
    }
    RandomNetwork& add(train::FloatLayer layer) {
        shape_ = train::outputShape(layer, shape_).value();
        network.layers.push_back(std::move(layer));
        return *this;
    }

    std::mt19937 random_;
    train::LayerShape shape_;
    std::vector<float> phase_;
};

inline constexpr int kNetworkKinds = 8;

// One of each kind of network that plans can ask for; `kind` below kNetworkKinds.
inline RandomNetwork randomNetwork(int kind, std::uint32_t seed) {
    using train::Op;
    switch (kind) {
        case 0: {
            RandomNetwork n(seed, 1, 30);
            n.dense(24, true).dense(16, true).dense(4, false);
            return n;
        }
        case 1: {
            RandomNetwork n(seed, 100, 3);
            n.conv(16, 5)
                .plain(Op::max_pool, 2)
                .conv(24, 3)
                .plain(Op::global_average_pool)
                .dense(4, false);
            return n;
        }
        case 2: {
            RandomNetwork n(seed, 64, 6);
            n.conv(12, 4, 2)
                .plain(Op::average_pool, 3)
                .conv(8, 3)
                .plain(Op::flatten)
                .dense(20, true)
                .dense(5, false);
            return n;
        }
        case 3: {
            RandomNetwork n(seed, 50, 4);
            n.conv(16, 7, 3).plain(Op::global_max_pool).dense(3, false);
            return n;
        }
        case 4: {
            RandomNetwork n(seed, 24, 20);
            n.image(1)
                .conv2d(8, 4, 3, 2, 1)
                .plain(Op::max_pool, 2)
                .conv2d(12, 3, 3)
                .plain(Op::global_average_pool)
                .dense(5, false);
            return n;
        }
        case 5: {
            RandomNetwork n(seed, 21, 12);
            n.image(2)
                .conv2d(8, 5, 2, 2, 2)
                .conv2d(0, 3, 3)
                .conv2d(16, 1, 1)
                .conv2d(0, 2, 3, 2, 1)
                .conv2d(12, 1, 1)
                .plain(Op::global_max_pool)
                .dense(4, false);
            return n;
        }
        case 6: {
            RandomNetwork n(seed, 40, 6);
            n.image(6).conv2d(0, 5, 1, 2, 1).conv2d(16, 1, 1).plain(Op::flatten).dense(3, false);
            return n;
        }
        default: {
            RandomNetwork n(seed, 20, 8);
            n.plain(Op::flatten).dense(32, true).dense(6, false);
            return n;
        }
    }
}

}  // namespace tinsmith::test
