#include "handlers/train/float_network.hpp"

#include <gtest/gtest.h>

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
    FloatLayer conv{Op::conv1d, 2, 2, 2, 0, 0, true, {1, 0, 0, 1, -1, 2, 0.5f, 0}, {0.25f, -0.5f}};
    FloatLayer pool{Op::average_pool, 0, 0, 1, 3, 0, false, {}, {}};
    FloatLayer flatten{Op::flatten, 0, 0, 1, 0, 0, false, {}, {}};
    FloatLayer dense{Op::dense, 0, 0, 1, 0, 3, false, {1, 0, 0, 1, 1, 1}, {0, 0, 1}};
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
