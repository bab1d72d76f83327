#include "handlers/train/float_network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "handlers/flow/json.hpp"
#include "tests/handlers/train/folder.hpp"

namespace tinsmith::train {
namespace {

// conv1d 2 -> 2 with an even kernel and a stride, pool, flatten, dense: every rule of the format at
// once.
FloatNetwork sample() {
    FloatNetwork net;
    net.steps = 5;
    net.features = 2;
    net.mean = {0.5f, -1};
    net.inverseDeviation = {2, 0.1f};
    FloatLayer conv;
    conv.op = Op::conv1d;
    conv.filters = conv.kernel = conv.stride = 2;
    conv.relu = true;
    conv.weights = {1, 0, 0, 1, -1, 2, 0.5f, 0};
    conv.bias = {0.25f, -0.5f};
    FloatLayer pool;
    pool.op = Op::average_pool;
    pool.size = 3;
    FloatLayer flatten;
    flatten.op = Op::flatten;
    FloatLayer dense;
    dense.op = Op::dense;
    dense.units = 3;
    dense.weights = {1, 0, 0, 1, 1, 1};
    dense.bias = {0, 0, 1};
    net.layers = {conv, pool, flatten, dense};
    return net;
}

TEST(FloatNetwork, ComputesWhatTfliteComputes) {
    // 5 steps, stride 2 -> 3 outputs; kernel 2 needs (3-1)*2+2-5 = 1 padded step, at the end.
    const std::vector<float> input = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    std::vector<std::vector<float>> outputs;
    forward(sample(), input, outputs);
    // filter 0: x[t][0] + x[t+1][1] + 0.25; filter 1: -x[t][0] + 2 x[t][1] + 0.5 x[t+1][0] - 0.5
    EXPECT_EQ(outputs[0], (std::vector<float>{5.25f, 4, 13.25f, 10, 9.25f, 10.5f}));
    EXPECT_FLOAT_EQ(outputs[1][0], (5.25f + 13.25f + 9.25f) / 3);
    EXPECT_FLOAT_EQ(outputs[3][2], outputs[1][0] + outputs[1][1] + 1);
    std::vector<float> raw = {1.5f, 9};
    normalise(sample(), raw);
    EXPECT_FLOAT_EQ(raw[0], 2);
    EXPECT_FLOAT_EQ(raw[1], 1);
}

// Three steps of four features as a 3 x 2 image of two channels.
FloatNetwork imageSample() {
    FloatNetwork net;
    net.steps = 3;
    net.features = 4;
    net.mean.assign(4, 0);
    net.inverseDeviation.assign(4, 1);
    FloatLayer image;
    image.op = Op::image;
    image.channels = 2;
    FloatLayer depthwise;
    depthwise.op = Op::depthwise_conv2d;
    depthwise.kernel = 2;
    depthwise.weights = {1, 10, 1, -1};  // channel 0: this row + 10 of the next; 1: the difference
    depthwise.bias = {0, 0.5f};
    FloatLayer conv;
    conv.op = Op::conv2d;
    conv.filters = 1;
    conv.kernel = 1;
    conv.kernelColumns = 2;
    conv.stride = 2;
    conv.strideColumns = 2;
    conv.weights = {1, 2, 3, 4};
    conv.bias = {1};
    FloatLayer pool;
    pool.op = Op::global_max_pool;
    net.layers = {image, depthwise, conv, pool};
    return net;
}

TEST(FloatNetwork, ComputesImagesAsTfliteDoes) {
    const std::vector<float> input = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    std::vector<std::vector<float>> outputs;
    forward(imageSample(), input, outputs);
    EXPECT_EQ(outputs[0], input);
    // Kernel 2 on 3 rows needs one padded row, at the end.
    EXPECT_EQ(outputs[1], (std::vector<float>{51, -3.5f, 73, -3.5f, 95, -3.5f, 117, -3.5f, 9, 10.5f,
                                              11, 12.5f}));
    EXPECT_EQ(outputs[2], (std::vector<float>{51 - 7 + 3 * 73 - 14 + 1.0f, 9 + 21 + 33 + 50 + 1}));
    EXPECT_EQ(outputs[3], (std::vector<float>{250}));
    const Folder folder;
    ASSERT_TRUE(save(folder.path() / "network", imageSample()));
    const auto again = load(folder.path() / "network");
    ASSERT_TRUE(again) << again.error().message;
    std::vector<std::vector<float>> same;
    forward(*again, input, same);
    EXPECT_EQ(same, outputs);
}

// One output of a convolution, filter by filter and tap by tap.
float plainOutput(const FloatLayer& layer, LayerShape in, const std::vector<float>& x, int row,
                  int column, int filter, int above, int left) {
    const bool own = layer.op == Op::depthwise_conv2d;
    double sum = layer.bias[static_cast<std::size_t>(filter)];
    std::size_t weight = layer.weights.size() / layer.bias.size() * filter;
    for (int ky = 0; ky < layer.kernel; ++ky) {
        for (int kx = 0; kx < layer.kernelColumns; ++kx) {
            const int r = row * layer.stride + ky - above;
            const int c = column * layer.strideColumns + kx - left;
            for (int channel = own ? filter : 0; channel < (own ? filter + 1 : in.channels);
                 ++channel, ++weight) {
                if (r < 0 || r >= in.rows || c < 0 || c >= in.columns) continue;
                const auto at = static_cast<std::size_t>((r * in.columns + c) * in.channels);
                sum += static_cast<double>(x[at + static_cast<std::size_t>(channel)]) *
                       layer.weights[weight];
            }
        }
    }
    return static_cast<float>(layer.relu ? std::max(sum, 0.0) : sum);
}

// Filters are computed side by side; each has the bits of being computed alone.
TEST(FloatNetwork, ManyFiltersYieldWhatEachYieldsAlone) {
    std::mt19937 random(5);
    const auto some = [&](std::size_t count) {
        std::vector<float> values(count);
        for (float& value : values) value = std::normal_distribution<float>()(random);
        return values;
    };
    for (const int channels : {1, 3, 16, 21}) {
        for (const bool own : {false, true}) {
            const int filters = own ? channels : 2 * channels + 1;
            FloatLayer image;
            image.op = Op::image;
            image.channels = channels;
            FloatLayer conv;
            conv.op = own ? Op::depthwise_conv2d : Op::conv2d;
            conv.filters = own ? 0 : filters;
            conv.kernel = 3;
            conv.kernelColumns = 2;
            conv.stride = 2;
            conv.relu = channels == 16;
            conv.weights = some(static_cast<std::size_t>(6 * filters * (own ? 1 : channels)));
            conv.bias = some(static_cast<std::size_t>(filters));
            FloatNetwork net;
            net.steps = 7;
            net.features = 5 * channels;
            net.layers = {image, conv};
            const auto input = some(static_cast<std::size_t>(net.steps * net.features));
            std::vector<std::vector<float>> outputs;
            forward(net, input, outputs);
            const LayerShape in{7, 5, channels, true};
            std::vector<float> plain;
            // 4 rows of 7 with stride 2 and a kernel of 3 need 2 padded rows; 5 columns need one.
            for (int row = 0; row < 4; ++row) {
                for (int column = 0; column < 5; ++column) {
                    for (int filter = 0; filter < filters; ++filter)
                        plain.push_back(plainOutput(conv, in, input, row, column, filter, 1, 0));
                }
            }
            EXPECT_EQ(outputs[1], plain) << channels << " channels, depthwise: " << own;
        }
    }
}

TEST(FloatNetwork, ComesBackBitForBit) {
    const Folder folder;
    ASSERT_TRUE(save(folder.path() / "network", sample()));
    const auto again = load(folder.path() / "network");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->mean, sample().mean);
    ASSERT_EQ(again->layers.size(), 4u);
    EXPECT_EQ(again->layers[0].weights, sample().layers[0].weights);
    EXPECT_EQ(again->layers[0].relu, true);
    EXPECT_EQ(again->layers[3].bias, sample().layers[3].bias);
}

TEST(FloatNetwork, DamagedFoldersAreRefused) {
    const Folder folder;
    const auto path = folder.path() / "network";
    EXPECT_FALSE(load(path));
    ASSERT_TRUE(save(path, sample()));
    const std::string text = readAll(path / "network.json");
    const std::string weights = readAll(path / "weights.bin");
    const auto refused = [&](const std::string& json, const std::string& bytes) {
        std::ofstream(path / "network.json", std::ios::binary) << json;
        std::ofstream(path / "weights.bin", std::ios::binary) << bytes;
        return !load(path).has_value();
    };
    EXPECT_FALSE(refused(text, weights));
    EXPECT_TRUE(refused(text, weights.substr(0, weights.size() - 4)));
    EXPECT_TRUE(refused(text, weights.substr(0, weights.size() - 1)));
    EXPECT_TRUE(
        refused(text, weights.substr(0, weights.size() - 4) + std::string("\x00\x00\xc0\x7f", 4)));
    const auto with = [&](const char* pointer, const Json& value) {
        Json json = Json::parse(text);
        json[Json::json_pointer(pointer)] = value;
        return json.dump();
    };
    EXPECT_TRUE(refused(with("/layers/0/weights", -1), weights));
    EXPECT_TRUE(refused(with("/layers/0/weights", 1e18), weights));
    EXPECT_TRUE(refused(with("/layers/0/filters", 1 << 30), weights));
    EXPECT_TRUE(refused(with("/layers/0/stride", 0), weights));
    EXPECT_TRUE(refused(with("/layers/0/op", "lstm"), weights));
    EXPECT_TRUE(refused(with("/layers/1/size", 9), weights));
    EXPECT_TRUE(refused(with("/layers", Json::array()), weights));
    EXPECT_TRUE(refused(with("/input/steps", 0), weights));
    EXPECT_TRUE(refused(with("/features/mean", Json::array({1})), weights));
    EXPECT_TRUE(refused("{", weights));
}

}  // namespace
}  // namespace tinsmith::train
