// Calibrations on distributions whose answer is known.
#include "handlers/quantize/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "handlers/quantize/post_training.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/random_network.hpp"

namespace tinsmith::quantize {
namespace {

using plan::CalibrationKind;

TEST(Percentile, CutsTheSameShareAtBothEnds) {
    std::vector<float> values;
    for (int i = -1000; i <= 999; ++i) values.push_back(static_cast<float>(i));
    std::shuffle(values.begin(), values.end(), std::mt19937(3));
    const auto ninetyNine = percentileRange(values, 99);
    EXPECT_EQ(ninetyNine.maximum, 979.0F) << "1980 of 2000 values are not above it";
    EXPECT_EQ(ninetyNine.minimum, -980.0F);
    const auto all = percentileRange(values, 100);
    EXPECT_EQ(all.maximum, 999.0F);
    EXPECT_EQ(all.minimum, -1000.0F);
    const auto half = percentileRange(values, 50);
    EXPECT_EQ(half.maximum, 0.0F) << "the median is -1, and every range holds 0";
    EXPECT_EQ(half.minimum, 0.0F);
}

TEST(Percentile, AnOutlierNoLongerSetsTheScale) {
    std::vector<float> values(1000, 0.0F);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 1000;
    values.push_back(500);
    const auto range = percentileRange(values, 99.9);
    EXPECT_EQ(range.maximum, 0.999F);
    EXPECT_EQ(range.minimum, 0.0F);
}

// The least error of all pairs of hundredths, found the slow way.
double leastOfAll(const std::vector<float>& values, train::ValueRange seen) {
    double least = quantisationError(values, seen);
    for (int low = seen.minimum < 0 ? 0 : 100; low <= 100; ++low) {
        for (int high = 1; high <= 100; ++high) {
            const train::ValueRange range{seen.minimum * static_cast<float>(low) / 100,
                                          seen.maximum * static_cast<float>(high) / 100};
            least = std::min(least, quantisationError(values, range));
        }
    }
    return least;
}

train::ValueRange seenIn(const std::vector<float>& values) {
    train::ValueRange range;
    for (const float value : values) range.take(value);
    return range;
}

TEST(LeastError, OfAUniformDistributionIsTheWholeRange) {
    std::vector<float> values;
    for (int i = 0; i <= 20000; ++i) values.push_back(static_cast<float>(i) / 10000 - 1);
    const auto range = leastErrorRange(values, seenIn(values));
    EXPECT_GE(range.maximum, 0.98F);
    EXPECT_LE(range.minimum, -0.98F);
    // The step is 2/255, and the error of rounding is its square over twelve.
    EXPECT_NEAR(quantisationError(values, range), std::pow(2.0 / 255, 2) / 12, 2e-7);
}

TEST(LeastError, OfAGaussianIsCutNearFourDeviations) {
    // The optimum for 8 bits is 3.92 deviations (R. Banner et al., NeurIPS 2019).
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 2);
    std::vector<float> values;
    for (int i = 0; i < 20000; ++i) values.push_back(normal(random));
    const train::ValueRange wide{-20, 20};
    const auto range = leastErrorRange(values, wide);
    std::printf("a Gaussian is cut at %.2f and %.2f deviations\n",
                static_cast<double>(range.minimum) / 2, static_cast<double>(range.maximum) / 2);
    EXPECT_NEAR(range.maximum / 2, 3.92F, 0.4F);
    EXPECT_NEAR(range.minimum / 2, -3.92F, 0.4F);
    EXPECT_LE(quantisationError(values, range), 1.01 * leastOfAll(values, wide));
}

TEST(LeastError, ManySmallValuesOutweighOneLargeOne) {
    // 200 000 values up to 1 and one at 5. Kept: 200 001 * (5/255)^2/12 = 6.4 squared units lost.
    // Cut at 4: the one loses 1, the others 200 000 * (4/255)^2/12 = 4.1; cut at 3 it is 4 + 2.3.
    std::vector<float> values;
    for (int i = 0; i < 200000; ++i) values.push_back(static_cast<float>(i) / 200000);
    values.push_back(5);
    const auto range = leastErrorRange(values, seenIn(values));
    EXPECT_GT(range.maximum, 3.0F);
    EXPECT_LT(range.maximum, 4.6F);
    EXPECT_EQ(range.minimum, 0.0F);
    EXPECT_LE(quantisationError(values, range), 1.001 * leastOfAll(values, seenIn(values)));
}

TEST(Calibrate, RangesOfANetworkByEachRecipe) {
    // One weight of 1: the layer puts out what it takes in.
    train::FloatNetwork network;
    network.steps = 1;
    network.features = 1;
    train::FloatLayer layer;
    layer.units = 1;
    layer.weights = {1};
    layer.bias = {0};
    network.layers = {layer};
    std::vector<std::vector<float>> inputs;
    for (int i = 1; i <= 100; ++i) inputs.push_back({static_cast<float>(i)});
    inputs.push_back({1000});
    plan::Quantization recipe;
    const auto whole = calibrate(network, inputs, recipe);
    EXPECT_EQ(whole.input.maximum, 1000.0F);
    EXPECT_EQ(whole.layers[0].maximum, 1000.0F);
    recipe.calibration = CalibrationKind::percentile;
    recipe.percentile = 99;
    const auto cut = calibrate(network, inputs, recipe);
    EXPECT_EQ(cut.input.maximum, 100.0F);
    EXPECT_EQ(cut.layers[0].maximum, 100.0F);
    recipe.percentile = 100;
    EXPECT_EQ(calibrate(network, inputs, recipe).input.maximum, 1000.0F);
    recipe.calibration = CalibrationKind::mse;
    EXPECT_EQ(calibrate(network, inputs, recipe).input.maximum, 1000.0F)
        << "one loss of 900 is worse than a hundred of 1";
}

TEST(Calibrate, ManyWindowsAreSampledEvenly) {
    // More values than are kept, and one channel of three that is larger than the others.
    auto network = test::randomNetwork(1, 1);
    std::vector<std::vector<float>> inputs(400, std::vector<float>(300));
    for (std::size_t w = 0; w < inputs.size(); ++w) {
        for (std::size_t i = 0; i < 300; ++i)
            inputs[w][i] = i % 3 == 2 ? static_cast<float>(w) : 1.0F;
    }
    plan::Quantization recipe;
    recipe.calibration = CalibrationKind::percentile;
    recipe.percentile = 90;
    // A third of the values is spread evenly over 0 … 399: a tenth of all lies above 0.7 of that.
    EXPECT_NEAR(calibrate(network.network, inputs, recipe).input.maximum, 280.0F, 6.0F);
}

TEST(Recipes, PerTensorScalesTakeFewerBytesInTheFile) {
    auto network = test::randomNetwork(1, 3);
    std::vector<std::vector<float>> inputs;
    for (int i = 0; i < 32; ++i) inputs.push_back(network.input());
    const auto ranges = calibrate(network.network, inputs);
    const auto many = quantize(network.network, ranges, true).value();
    const auto one = quantize(network.network, ranges, false).value();
    const auto scales = [](const nn::Graph& graph) {
        std::size_t count = 0;
        for (const nn::Tensor& tensor : graph.tensors)
            count += tensor.constant ? tensor.scales.size() : 0;
        return count;
    };
    EXPECT_EQ(scales(many), 2U * (16 + 24 + 1)) << "weights and biases of 16 and 24 filters";
    EXPECT_EQ(scales(one), 2U * 3);
    const auto bytes = [](const nn::Graph& graph) { return writeTflite(graph).value().size(); };
    // A scale is 4 bytes, a zero point 8.
    const std::size_t saved = bytes(many) - bytes(one);
    EXPECT_NEAR(static_cast<double>(saved), 12.0 * (2 * 41 - 6), 64.0);
    // The one scale is the largest of the many.
    for (std::size_t i = 0; i < one.tensors.size(); ++i) {
        const auto& each = many.tensors[i].scales;
        if (!one.tensors[i].constant || each.empty()) continue;
        EXPECT_EQ(one.tensors[i].scales[0], *std::max_element(each.begin(), each.end()));
    }
}

}  // namespace
}  // namespace tinsmith::quantize
