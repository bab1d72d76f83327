// What plans are said to cost before anything is trained, against what their networks take on the
// emulated board, built by the real generator.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "handlers/plan/cost.hpp"
#include "handlers/quantize/calibration.hpp"
#include "handlers/quantize/post_training.hpp"
#include "tests/handlers/build/board_program.hpp"
#include "tests/handlers/quantize/random_network.hpp"

namespace tinsmith {
namespace {

using plan::Layer;
using plan::LayerKind;

struct Case {
    const char* name;
    plan::WindowShape window;
    std::vector<Layer> network;
};

Layer conv1d(int filters, int kernel, int stride = 1) {
    Layer layer{LayerKind::conv1d};
    layer.filters = filters;
    layer.kernel = kernel;
    layer.stride = stride;
    return layer;
}

Layer image(int channels) {
    Layer layer{LayerKind::image};
    layer.channels = channels;
    return layer;
}

// Of no filters: depthwise.
Layer conv2d(int filters, int rows, int columns, int strideRows = 1, int strideColumns = 1) {
    Layer layer{filters > 0 ? LayerKind::conv2d : LayerKind::depthwise_conv2d};
    layer.filters = filters;
    layer.kernel = rows;
    layer.kernelColumns = columns;
    layer.stride = strideRows;
    layer.strideColumns = strideColumns;
    return layer;
}

Layer dense(int units) {
    Layer layer{LayerKind::dense};
    layer.units = units;
    return layer;
}

Layer pool(LayerKind kind, int size = 2) {
    Layer layer{kind};
    layer.size = size;
    return layer;
}

std::vector<Case> cases() {
    constexpr auto kMax = LayerKind::max_pool;
    constexpr auto kAverage = LayerKind::average_pool;
    const Layer globalAverage{LayerKind::global_average_pool};
    const Layer globalMax{LayerKind::global_max_pool};
    const Layer flat{LayerKind::flatten};
    return {
        {"a few values", {1, 3, 3}, {dense(8)}},
        {"dense", {40, 6, 5}, {flat, dense(32), dense(16)}},
        {"dense, large", {100, 10, 12}, {flat, dense(128), dense(64)}},
        {"conv1d, small", {32, 3, 3}, {conv1d(8, 3), globalAverage}},
        {"conv1d, max pools",
         {128, 3, 4},
         {conv1d(16, 5, 2), pool(kMax), conv1d(32, 5), pool(kMax), conv1d(32, 3), globalAverage}},
        {"conv1d, long window",
         {512, 6, 6},
         {conv1d(16, 5, 4), pool(kMax), conv1d(32, 5), pool(kMax), conv1d(48, 3), globalAverage}},
        {"conv1d, average pools",
         {256, 4, 4},
         {conv1d(32, 5), pool(kAverage), conv1d(32, 5), pool(kAverage), flat, dense(20)}},
        {"conv1d, odd filters",
         {100, 5, 3},
         {conv1d(9, 4), pool(kMax, 3), conv1d(7, 3), globalMax}},
        {"conv1d, all odd",
         {100, 4, 3},
         {conv1d(5, 5), pool(kMax), conv1d(11, 5), pool(kMax), conv1d(17, 3), pool(kMax),
          conv1d(17, 3), globalAverage}},
        {"conv1d, four",
         {80, 4, 6},
         {conv1d(16, 5), pool(kMax), conv1d(32, 5), pool(kMax), conv1d(48, 3), pool(kMax),
          conv1d(48, 3), globalAverage}},
        {"conv1d, single taps", {64, 8, 4}, {conv1d(24, 1), conv1d(24, 1), globalAverage}},
        {"conv2d",
         {24, 16, 4},
         {image(1), conv2d(8, 3, 3), pool(kMax), conv2d(16, 3, 3), globalAverage}},
        {"conv2d, large",
         {48, 16, 10},
         {image(2), conv2d(32, 5, 2), conv2d(32, 3, 3, 2, 2), conv2d(48, 3, 3), globalAverage}},
        {"conv2d, odd filters",
         {30, 10, 3},
         {image(1), conv2d(5, 5, 3), pool(kAverage), conv2d(7, 3, 3), globalMax}},
        {"separable",
         {49, 10, 12},
         {image(1), conv2d(32, 10, 4, 2, 2), conv2d(0, 3, 3), conv2d(32, 1, 1), conv2d(0, 3, 3),
          conv2d(32, 1, 1), globalAverage}},
        {"separable, by halves",
         {64, 16, 4},
         {image(2), conv2d(16, 3, 3), conv2d(0, 3, 3, 2, 2), conv2d(24, 1, 1),
          conv2d(0, 3, 3, 2, 2), conv2d(32, 1, 1), globalAverage}},
        {"depthwise, odd",
         {60, 9, 3},
         {image(9), conv2d(0, 7, 1, 2, 1), conv2d(14, 1, 1), conv2d(0, 5, 1), globalMax}},
    };
}

plan::Plan planOf(const Case& c) {
    plan::Plan plan;
    plan.features = {{dsp::BlockKind::raw, false, false, false, 1, 0, 0, 0}};
    plan.network = c.network;
    return plan;
}

// A trained network's shapes with random weights.
nn::Graph graphOf(const Case& c) {
    test::RandomNetwork random(1, c.window.length, c.window.channels);
    for (const Layer& layer : c.network) {
        switch (layer.kind) {
            case LayerKind::conv1d:
                random.conv(layer.filters, layer.kernel, layer.stride);
                break;
            case LayerKind::image:
                random.image(layer.channels);
                break;
            case LayerKind::conv2d:
            case LayerKind::depthwise_conv2d:
                random.conv2d(layer.filters, layer.kernel, layer.kernelColumns, layer.stride,
                              layer.strideColumns);
                break;
            case LayerKind::dense:
                random.dense(layer.units, true);
                break;
            case LayerKind::max_pool:
                random.plain(train::Op::max_pool, layer.size);
                break;
            case LayerKind::average_pool:
                random.plain(train::Op::average_pool, layer.size);
                break;
            case LayerKind::global_average_pool:
                random.plain(train::Op::global_average_pool);
                break;
            case LayerKind::global_max_pool:
                random.plain(train::Op::global_max_pool);
                break;
            case LayerKind::flatten:
                random.plain(train::Op::flatten);
                break;
            case LayerKind::dropout:
                break;
        }
    }
    random.dense(c.window.classes, false);
    std::vector<std::vector<float>> inputs;
    for (int i = 0; i < 16; ++i) inputs.push_back(random.input());
    return quantize::quantize(random.network, quantize::calibrate(random.network, inputs)).value();
}

// Each estimate within these factors of what was measured, their geometric mean near 1.
constexpr double kLow = 0.8;
constexpr double kHigh = 1.25;
constexpr double kMeanWithin = 0.05;

void compare(build::Core core, const char* kernels) {
    std::vector<test::BoardNetwork> networks;
    for (const Case& c : cases()) {
        const auto valid = plan::validate(planOf(c), c.window);
        ASSERT_TRUE(valid) << c.name << ": " << valid.error().message;
        networks.push_back({c.name, graphOf(c)});
    }
    const auto runs = test::runOnBoard(networks, core, 1, false, std::string("cost-") + kernels);
    ASSERT_EQ(runs.size(), networks.size());
    plan::BoardLimits limits;
    limits.kernels = kernels;
    double logarithms = 0;
    std::size_t i = 0;
    for (const Case& c : cases()) {
        const auto estimate =
            static_cast<double>(plan::check(planOf(c), c.window, limits).cost.networkInstructions);
        const auto measured = static_cast<double>(runs[i].at(0).instructions);
        const double ratio = estimate / measured;
        std::printf("%-9s %-22s %10.0f estimated %10.0f measured  %.2f\n", kernels, c.name,
                    estimate, measured, ratio);
        EXPECT_GE(ratio, kLow) << c.name;
        EXPECT_LE(ratio, kHigh) << c.name;
        logarithms += std::log(ratio);
        ++i;
    }
    const double mean = std::exp(logarithms / static_cast<double>(i));
    std::printf("%-9s mean ratio %.3f\n", kernels, mean);
    EXPECT_NEAR(mean, 1, kMeanWithin);
}

TEST(CostOnBoard, EstimatesFollowTheKernelsOfArmv7em) {
    if (!test::haveBoardTools()) GTEST_SKIP() << "CostOnBoard: no cross compiler or emulator";
    compare(build::Core::armv7em, "armv7em");
}

TEST(CostOnBoard, EstimatesFollowThePortableKernels) {
    if (!test::haveBoardTools()) GTEST_SKIP() << "CostOnBoard: no cross compiler or emulator";
    compare(build::Core::portable, "portable");
}

}  // namespace
}  // namespace tinsmith
