// The float network's arithmetic. Each sum is taken in double and in one order, the bias first,
// then tap after tap, whatever is computed beside it: the same bits on every gateway.
#include <algorithm>
#include <limits>

#include "firmware/nn/cores/host/vectors.hpp"
#include "handlers/train/float_network.hpp"

namespace tinsmith::train {
namespace {

constexpr std::size_t kTogether = 16;  // filters: as many sums as fit the registers

// Where a SAME convolution's first tap lies before the input's first row or column.
int paddingBefore(int in, int out, int kernel, int stride) {
    return std::max((out - 1) * stride + kernel - in, 0) / 2;
}

// A filter's tap and the channels of the input that it meets.
struct Tap {
    std::size_t index;
    const float* place;
};

// Weights with all filters side by side, rounded up to kTogether.
struct SideBySide {
    std::size_t filters;
    std::vector<double> weights;  // [tap][input][filter]
};

SideBySide sideBySide(const FloatLayer& layer) {
    const std::size_t filters = layer.bias.size();
    const std::size_t inputs = layer.weights.size() / filters;
    SideBySide result{(filters + kTogether - 1) / kTogether * kTogether, {}};
    result.weights.resize(inputs * result.filters);
    for (std::size_t f = 0; f < filters; ++f) {
        for (std::size_t i = 0; i < inputs; ++i)
            result.weights[i * result.filters + f] =
                static_cast<double>(layer.weights[f * inputs + i]);
    }
    return result;
}

// sums[filter] += products of the taps' channels and weights.
TINSMITH_VECTORS void addTaps(const SideBySide& side, std::span<const Tap> taps,
                              std::size_t channels, double* sums) {
    constexpr std::size_t kFour = 4;
    // By name: of arrays of double GCC makes sixteen single sums.
    using Four [[gnu::vector_size(kFour * sizeof(double)), gnu::aligned(alignof(double)),
                 gnu::may_alias]] = double;
    constexpr std::size_t kFours = kTogether / kFour;
    for (std::size_t first = 0; first < side.filters; first += kTogether) {
        Four* own = reinterpret_cast<Four*>(sums + first);
        Four s[kFours];
        for (std::size_t f = 0; f < kFours; ++f) s[f] = own[f];
        for (const Tap& tap : taps) {
            const double* weights =
                side.weights.data() + tap.index * channels * side.filters + first;
            for (std::size_t c = 0; c < channels; ++c, weights += side.filters) {
                const auto value = static_cast<double>(tap.place[c]);
                const Four* some = reinterpret_cast<const Four*>(weights);
                for (std::size_t f = 0; f < kFours; ++f) s[f] += value * some[f];
            }
        }
        for (std::size_t f = 0; f < kFours; ++f) own[f] = s[f];
    }
}

// The same where each filter has its own channel.
TINSMITH_VECTORS void addOwnTaps(const SideBySide& side, std::span<const Tap> taps,
                                 std::size_t channels, double* __restrict sums) {
    for (const Tap& tap : taps) {
        const double* __restrict weights = side.weights.data() + tap.index * side.filters;
        const float* __restrict place = tap.place;
        for (std::size_t c = 0; c < channels; ++c)
            sums[c] += static_cast<double>(place[c]) * weights[c];
    }
}

// conv1d (one column), conv2d and depthwise_conv2d.
void convolve(const FloatLayer& layer, LayerShape in, LayerShape out, std::span<const float> x,
              std::vector<float>& y) {
    const int above = paddingBefore(in.rows, out.rows, layer.kernel, layer.stride);
    const int left =
        paddingBefore(in.columns, out.columns, layer.kernelColumns, layer.strideColumns);
    const SideBySide side = sideBySide(layer);
    const auto channels = static_cast<std::size_t>(in.channels);
    std::vector<Tap> taps;
    std::vector<double> sums(side.filters);
    float* output = y.data();
    for (int row = 0; row < out.rows; ++row) {
        for (int column = 0; column < out.columns; ++column) {
            taps.clear();
            for (int k = 0; k < layer.kernel * layer.kernelColumns; ++k) {
                const int r = row * layer.stride + k / layer.kernelColumns - above;
                const int c = column * layer.strideColumns + k % layer.kernelColumns - left;
                if (r < 0 || r >= in.rows || c < 0 || c >= in.columns) continue;
                const std::size_t place = static_cast<std::size_t>(r) * in.columns + c;
                taps.push_back({static_cast<std::size_t>(k), x.data() + place * channels});
            }
            std::copy(layer.bias.begin(), layer.bias.end(), sums.begin());
            if (layer.op == Op::depthwise_conv2d) {
                addOwnTaps(side, taps, channels, sums.data());
            } else {
                addTaps(side, taps, channels, sums.data());
            }
            for (std::size_t f = 0; f < layer.bias.size(); ++f)
                *output++ = static_cast<float>(layer.relu ? std::max(sums[f], 0.0) : sums[f]);
        }
    }
}

// Windows of height x width side by side.
void pool(bool maximum, int height, int width, LayerShape in, LayerShape out,
          std::span<const float> x, std::vector<float>& y) {
    const auto output = [&](int row, int column, int channel) {
        double most = -std::numeric_limits<double>::infinity();
        double sum = 0;
        for (int i = 0; i < height * width; ++i) {
            const std::size_t r = static_cast<std::size_t>(row) * height + i / width;
            const std::size_t c = static_cast<std::size_t>(column) * width + i % width;
            const double value = x[(r * in.columns + c) * in.channels + channel];
            most = std::max(most, value);
            sum += value;
        }
        return static_cast<float>(maximum ? most : sum / (height * width));
    };
    std::size_t at = 0;
    for (int row = 0; row < out.rows; ++row) {
        for (int column = 0; column < out.columns; ++column) {
            for (int channel = 0; channel < out.channels; ++channel)
                y[at++] = output(row, column, channel);
        }
    }
}

void dense(const FloatLayer& layer, LayerShape in, std::span<const float> x,
           std::vector<float>& y) {
    for (int u = 0; u < layer.units; ++u) {
        double sum = layer.bias[u];
        const float* w = layer.weights.data() + static_cast<std::size_t>(u) * in.channels;
        for (int c = 0; c < in.channels; ++c) sum += static_cast<double>(x[c]) * w[c];
        if (layer.relu) sum = std::max(sum, 0.0);
        y[u] = static_cast<float>(sum);
    }
}

}  // namespace

void forward(const FloatNetwork& network, std::span<const float> input,
             std::vector<std::vector<float>>& outputs) {
    outputs.resize(network.layers.size());
    LayerShape in = inputShape(network);
    std::span<const float> x = input;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        const FloatLayer& layer = network.layers[i];
        const LayerShape out = outputShape(layer, in).value();
        std::vector<float>& y = outputs[i];
        y.resize(out.values());
        switch (layer.op) {
            case Op::conv1d:
            case Op::conv2d:
            case Op::depthwise_conv2d:
                convolve(layer, in, out, x, y);
                break;
            case Op::max_pool:
            case Op::average_pool:
                pool(layer.op == Op::max_pool, layer.size, in.image ? layer.size : 1, in, out, x,
                     y);
                break;
            case Op::global_max_pool:
            case Op::global_average_pool:
                pool(layer.op == Op::global_max_pool, in.rows, in.columns, in, out, x, y);
                break;
            case Op::image:
            case Op::flatten:
                std::copy(x.begin(), x.end(), y.begin());
                break;
            case Op::dense:
                dense(layer, in, x, y);
                break;
        }
        x = y;
        in = out;
    }
}

}  // namespace tinsmith::train
