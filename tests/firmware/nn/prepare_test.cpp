// What is refused before anything runs: graphs that contradict themselves (damaged), and graphs
// that ask for what the kernels cannot do exactly. Each with the operator's name and index.
#include "firmware/nn/prepare.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace tinsmith {
namespace {

using nn::Graph;
using nn::Op;
using nn::Operator;
using nn::Tensor;

Tensor activation(std::vector<std::int32_t> shape, float scale = 0.1F, std::int32_t zeroPoint = 3) {
    Tensor tensor;
    tensor.shape = std::move(shape);
    tensor.scales = {scale};
    tensor.zeroPoint = zeroPoint;
    return tensor;
}

Tensor constant(std::vector<std::int32_t> shape, std::size_t scales = 1, std::int32_t axis = 0) {
    Tensor tensor;
    tensor.shape = std::move(shape);
    tensor.scales.assign(scales, 0.02F);
    tensor.channelAxis = axis;
    tensor.constant = true;
    tensor.data.assign(static_cast<std::size_t>(nn::elementCount(tensor)), 1);
    return tensor;
}

Tensor integers(std::vector<std::int32_t> shape, std::vector<std::uint8_t> values) {
    Tensor tensor;
    tensor.type = nn::Type::int32;
    tensor.shape = std::move(shape);
    tensor.constant = true;
    for (const std::uint8_t value : values) tensor.data.insert(tensor.data.end(), {value, 0, 0, 0});
    return tensor;
}

// One operator: inputs in order, the output last. A RELU lies before it, so that its index is 1.
Graph second(Op op, std::vector<Tensor> tensors) {
    Graph graph;
    graph.tensors = std::move(tensors);
    Operator made;
    made.op = op;
    for (std::size_t i = 0; i + 1 < graph.tensors.size(); ++i)
        made.inputs.push_back(static_cast<std::int32_t>(i));
    made.outputs = {static_cast<std::int32_t>(graph.tensors.size() - 1)};
    graph.outputs = made.outputs;
    Operator relu;
    relu.op = Op::relu;
    relu.inputs = {static_cast<std::int32_t>(graph.tensors.size())};
    relu.outputs = {0};
    graph.inputs = relu.inputs;
    graph.tensors.push_back(graph.tensors[0]);
    graph.operators = {relu, made};
    return graph;
}

Graph conv() {
    return second(Op::conv2d, {activation({1, 4, 4, 2}), constant({3, 2, 2, 2}, 3),
                               integers({3}, {1, 2, 3}), activation({1, 3, 3, 3})});
}
Graph depthwise() {
    return second(Op::depthwiseConv2d, {activation({1, 4, 4, 2}), constant({1, 2, 2, 2}, 2, 3),
                                        integers({2}, {1, 2}), activation({1, 3, 3, 2})});
}
Graph dense() {
    return second(Op::fullyConnected, {activation({1, 8}), constant({3, 8}),
                                       integers({3}, {1, 2, 3}), activation({1, 3})});
}
Graph pool() {
    Graph graph = second(Op::maxPool2d, {activation({1, 4, 4, 2}), activation({1, 2, 2, 2})});
    nn::Options& options = graph.operators[1].options;
    options.filterHeight = options.filterWidth = options.strideHeight = options.strideWidth = 2;
    return graph;
}
Graph mean() {
    return second(Op::mean, {activation({1, 4, 4, 2}), integers({2}, {1, 2}), activation({1, 2})});
}
Graph softmax() {
    return second(Op::softmax, {activation({1, 5}), activation({1, 5}, 1.0F / 256, -128)});
}
Graph add() {
    return second(Op::add, {activation({1, 4}), constant({4}), activation({1, 4})});
}
Graph pad() {
    return second(Op::pad,
                  {activation({1, 4}), integers({2, 2}, {0, 0, 1, 2}), activation({1, 7})});
}
Graph concatenation() {
    Graph graph = second(Op::concatenation, {activation({1, 4}), activation({1, 4})});
    graph.operators[1].inputs = {0, 0};
    graph.tensors[1].shape = {1, 8};
    graph.operators[1].options.axis = 1;
    return graph;
}
Graph reshape() {
    return second(Op::reshape, {activation({1, 4}), activation({2, 2})});
}

constexpr bool kDamaged = true;
constexpr bool kUnsupported = false;

struct Row {
    const char* name;
    Graph (*make)();
    std::function<void(Graph&)> spoil;
    bool damaged;
    const char* says;
};

nn::Options& options(Graph& graph) {
    return graph.operators[1].options;
}

std::vector<Row> rows() {
    return {
        {"a missing input", conv, [](Graph& g) { g.operators[1].inputs = {0}; }, kDamaged,
         "operator 1 CONV_2D: has the wrong inputs"},
        {"an index out of range", conv, [](Graph& g) { g.operators[1].inputs[1] = 77; }, kDamaged,
         "operator 1 CONV_2D: reads tensor 77, which has no value yet"},
        {"a missing buffer", conv, [](Graph& g) { g.tensors[1].constant = false; }, kDamaged,
         "operator 1 CONV_2D: reads tensor 1, which has no value yet"},
        {"a short buffer", conv, [](Graph& g) { g.tensors[1].data.pop_back(); }, kDamaged,
         "operator 1 CONV_2D: tensor 1 has 23 bytes of data, not 24"},
        {"a negative dimension", conv, [](Graph& g) { g.tensors[3].shape[1] = -3; }, kDamaged,
         "operator 1 CONV_2D: tensor 3 has dimension -3"},
        {"a huge tensor", conv, [](Graph& g) { g.tensors[3].shape = {1, 30000, 30000, 3}; },
         kUnsupported, "operator 1 CONV_2D: tensor 3 is too large"},
        {"two outputs", conv, [](Graph& g) { g.operators[1].outputs = {3, 3}; }, kDamaged,
         "operator 1 CONV_2D: must have one output"},
        {"an output written twice", conv, [](Graph& g) { g.operators[1].outputs = {0}; }, kDamaged,
         "operator 1 CONV_2D: writes a tensor that it must not"},
        {"no scale", conv, [](Graph& g) { g.tensors[3].scales.clear(); }, kUnsupported,
         "operator 1 CONV_2D: the output has 0 scales"},
        {"a scale that is no number", conv,
         [](Graph& g) { g.tensors[3].scales = {std::numeric_limits<float>::quiet_NaN()}; },
         kDamaged, "operator 1 CONV_2D: the output has a scale that is not positive"},
        {"an output of another shape", conv, [](Graph& g) { g.tensors[3].shape = {1, 3, 4, 3}; },
         kDamaged, "operator 1 CONV_2D: the output shape should be 1 3 3 3"},
        {"weights of three dimensions", conv, [](Graph& g) { g.tensors[1].shape = {3, 4, 2}; },
         kDamaged, "operator 1 CONV_2D: weights must have 4 dimensions"},
        {"an input of two dimensions", conv,
         [](Graph& g) { g.tensors[0].shape = g.tensors[4].shape = {4, 8}; }, kDamaged,
         "operator 1 CONV_2D: the input must have 4 dimensions"},
        {"groups", conv, [](Graph& g) { g.tensors[1] = constant({3, 2, 2, 1}, 3); }, kUnsupported,
         "operator 1 CONV_2D: grouped convolution"},
        {"weights of other channels", conv,
         [](Graph& g) { g.tensors[1] = constant({3, 2, 2, 5}, 3); }, kDamaged,
         "operator 1 CONV_2D: weights of 5 channels do not fit an input of 2"},
        {"too few scales of weights", conv, [](Graph& g) { g.tensors[1].scales.pop_back(); },
         kDamaged, "operator 1 CONV_2D: weights need one scale or one for each of 3 channels"},
        {"weights without a scale", conv, [](Graph& g) { g.tensors[1].scales.clear(); },
         kUnsupported, "operator 1 CONV_2D: weights are not quantised"},
        {"a negative scale of weights", conv, [](Graph& g) { g.tensors[1].scales[2] = -1; },
         kDamaged, "operator 1 CONV_2D: weights need positive scales"},
        {"asymmetric weights", conv, [](Graph& g) { g.tensors[1].zeroPoint = 4; }, kUnsupported,
         "operator 1 CONV_2D: weights must have zero point 0"},
        {"weights along another axis", conv, [](Graph& g) { g.tensors[1].channelAxis = 3; },
         kUnsupported, "operator 1 CONV_2D: weights are quantised along the wrong dimension"},
        {"weights that are computed", conv,
         [](Graph& g) {
             g.operators[1].inputs[1] = 0;
             g.tensors[0].shape = g.tensors[4].shape = {3, 2, 2, 3};
             g.tensors[3].shape = {3, 1, 1, 3};
         },
         kUnsupported, "operator 1 CONV_2D: weights must be constant int8"},
        {"a short bias", conv, [](Graph& g) { g.tensors[2] = integers({2}, {1, 2}); }, kDamaged,
         "operator 1 CONV_2D: the bias has 2 values for 3 channels"},
        {"a bias of bytes", conv, [](Graph& g) { g.tensors[2] = constant({3}); }, kUnsupported,
         "operator 1 CONV_2D: the bias must be constant int32"},
        {"stride 0", conv, [](Graph& g) { options(g).strideWidth = 0; }, kDamaged,
         "operator 1 CONV_2D: kernel, stride or dilation is less than 1"},
        {"a huge stride", conv, [](Graph& g) { options(g).strideWidth = 70000; }, kUnsupported,
         "operator 1 CONV_2D: kernel, stride or dilation is too large"},
        {"scales too far apart", conv, [](Graph& g) { g.tensors[3].scales = {1e-20F}; },
         kUnsupported, "operator 1 CONV_2D: the scales are too far apart"},
        {"another depth multiplier", depthwise, [](Graph& g) { options(g).depthMultiplier = 2; },
         kDamaged, "operator 1 DEPTHWISE_CONV_2D: channels do not match the depth multiplier"},
        {"inputs that weights do not divide", dense,
         [](Graph& g) { g.tensors[0].shape = g.tensors[4].shape = {1, 9}; }, kDamaged,
         "operator 1 FULLY_CONNECTED: the input does not fit the weights"},
        {"another last dimension", dense,
         [](Graph& g) {
             g.tensors[0].shape = g.tensors[4].shape = {8, 1};
             options(g).keepDimensions = true;
         },
         kDamaged, "operator 1 FULLY_CONNECTED: the input's last dimension"},
        {"a pool that rescales", pool, [](Graph& g) { g.tensors[1].scales = {0.2F}; }, kUnsupported,
         "operator 1 MAX_POOL_2D: input and output must have one scale"},
        {"a pool without a window", pool, [](Graph& g) { options(g).filterHeight = 0; }, kDamaged,
         "operator 1 MAX_POOL_2D: kernel, stride or dilation is less than 1"},
        {"axes that are no neighbours", mean,
         [](Graph& g) {
             g.tensors[1] = integers({2}, {1, 3});
             g.tensors[2].shape = {1, 4};
         },
         kUnsupported, "operator 1 MEAN: reduced axes must be neighbours"},
        {"an axis out of range", mean, [](Graph& g) { g.tensors[1] = integers({2}, {1, 4}); },
         kDamaged, "operator 1 MEAN: an axis is out of range"},
        {"another scale of probabilities", softmax,
         [](Graph& g) { g.tensors[1].scales = {1.0F / 128}; }, kUnsupported,
         "operator 1 SOFTMAX: the output needs scale 1/256"},
        {"a negative beta", softmax, [](Graph& g) { options(g).beta = -1; }, kDamaged,
         "operator 1 SOFTMAX: beta must be positive"},
        {"too many classes", softmax,
         [](Graph& g) {
             for (const std::size_t i : {0, 1, 2}) g.tensors[i].shape = {1, 5000};
         },
         kUnsupported, "operator 1 SOFTMAX: more than 4095 classes"},
        {"operands that do not fit", add, [](Graph& g) { g.tensors[1] = constant({3}); }, kDamaged,
         "operator 1 ADD: the shapes cannot be broadcast"},
        {"five dimensions", add,
         [](Graph& g) {
             for (const std::size_t i : {0, 2, 3}) g.tensors[i].shape = {1, 1, 1, 1, 4};
         },
         kUnsupported, "operator 1 ADD: at most 4 dimensions"},
        {"paddings for other dimensions", pad,
         [](Graph& g) { g.tensors[1] = integers({1, 2}, {1, 2}); }, kDamaged,
         "operator 1 PAD: paddings must be two for each dimension"},
        {"a negative padding", pad,
         [](Graph& g) {
             for (std::size_t i = 8; i < 12; ++i) g.tensors[1].data[i] = 255;
         },
         kDamaged, "operator 1 PAD: a padding is negative"},
        {"inputs that do not fill the output", concatenation,
         [](Graph& g) { g.tensors[1].shape = {1, 9}; }, kDamaged,
         "operator 1 CONCATENATION: the inputs do not fill the output"},
        {"a concatenation along no axis", concatenation, [](Graph& g) { options(g).axis = 2; },
         kDamaged, "operator 1 CONCATENATION: the axis is out of range"},
        {"a concatenation that cuts off", concatenation,
         [](Graph& g) { options(g).activation = nn::Activation::relu; }, kUnsupported,
         "operator 1 CONCATENATION: no activation"},
        {"a reshape to another size", reshape, [](Graph& g) { g.tensors[1].shape = {2, 3}; },
         kDamaged, "operator 1 RESHAPE: input and output differ in size"},
        {"no outputs", reshape, [](Graph& g) { g.outputs.clear(); }, kDamaged,
         "no inputs or no outputs"},
        {"an output that nothing computes", reshape,
         [](Graph& g) {
             g.tensors.push_back(activation({1}));
             g.outputs = {3};
         },
         kDamaged, "the graph's output 3 is never computed"},
    };
}

TEST(Prepare, TheGraphsOfTheTableAreTakenUnspoiled) {
    for (const Row& row : rows()) {
        const auto steps = nn::prepare(row.make());
        EXPECT_TRUE(steps) << row.name << ": " << steps.error().message;
    }
}

TEST(Prepare, WhatIsRefusedSaysWhetherItIsDamaged) {
    for (const Row& row : rows()) {
        Graph graph = row.make();
        row.spoil(graph);
        const auto steps = nn::prepare(graph);
        ASSERT_FALSE(steps) << row.name;
        EXPECT_EQ(steps.error().damaged, row.damaged) << row.name << ": " << steps.error().message;
        EXPECT_TRUE(steps.error().message.starts_with(row.says))
            << row.name << ": " << steps.error().message;
    }
}

// A file of a megabyte must not become gigabytes of copies.
TEST(Prepare, OneConstantOfManyOperatorsIsCountedForEach) {
    constexpr std::int32_t kOutputs = 256;
    constexpr std::int32_t kInputs = 4096;
    const auto sharing = [](int operators) {
        Graph graph;
        graph.tensors = {activation({1, kInputs}), constant({kOutputs, kInputs})};
        for (int i = 0; i < operators; ++i) {
            Operator op;
            op.op = Op::fullyConnected;
            op.inputs = {0, 1};
            op.outputs = {static_cast<std::int32_t>(graph.tensors.size())};
            graph.tensors.push_back(activation({1, kOutputs}));
            graph.operators.push_back(std::move(op));
        }
        graph.inputs = {0};
        graph.outputs = graph.operators.back().outputs;
        return graph;
    };
    EXPECT_TRUE(nn::prepare(sharing(64)));
    const auto steps = nn::prepare(sharing(65));
    ASSERT_FALSE(steps);
    EXPECT_FALSE(steps.error().damaged);
    EXPECT_EQ(steps.error().message,
              "operator 64 FULLY_CONNECTED: the constants of all operators together are too large");
}

}  // namespace
}  // namespace tinsmith
