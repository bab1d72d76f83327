// Writing and reading model files, and what is refused.
#include <gtest/gtest.h>

#include <cstring>

#include "firmware/nn/run.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith {
namespace {

nn::Tensor activation(std::string name, std::vector<std::int32_t> shape, float scale,
                      std::int32_t zero) {
    nn::Tensor tensor;
    tensor.name = std::move(name);
    tensor.shape = std::move(shape);
    tensor.scales = {scale};
    tensor.zeroPoint = zero;
    return tensor;
}

nn::Tensor constant(nn::Type type, std::vector<std::int32_t> shape,
                    std::vector<std::uint8_t> data) {
    nn::Tensor tensor;
    tensor.name = "constant";
    tensor.type = type;
    tensor.shape = std::move(shape);
    tensor.constant = true;
    tensor.data = std::move(data);
    return tensor;
}

// 1x1x4x2 -> conv 3 filters of 1x3, RELU -> softmax over 3.
nn::Graph smallGraph() {
    nn::Graph graph;
    graph.tensors.push_back(activation("input", {1, 1, 4, 2}, 0.05F, -3));
    auto weights = constant(nn::Type::int8, {3, 1, 3, 2}, std::vector<std::uint8_t>(18));
    for (std::size_t i = 0; i < 18; ++i) weights.data[i] = static_cast<std::uint8_t>(i * 37 + 11);
    weights.scales = {0.01F, 0.02F, 0.005F};
    graph.tensors.push_back(std::move(weights));
    auto bias = constant(nn::Type::int32, {3}, {1, 0, 0, 0, 200, 255, 255, 255, 7, 1, 0, 0});
    bias.scales = {0.0005F, 0.001F, 0.00025F};
    graph.tensors.push_back(std::move(bias));
    graph.tensors.push_back(activation("hidden", {1, 1, 4, 3}, 0.1F, -128));
    graph.tensors.push_back(activation("output", {1, 1, 4, 3}, 1.0F / 256, -128));
    nn::Operator conv;
    conv.op = nn::Op::conv2d;
    conv.inputs = {0, 1, 2};
    conv.outputs = {3};
    conv.options.padding = nn::Padding::same;
    conv.options.activation = nn::Activation::relu;
    nn::Operator softmax;
    softmax.op = nn::Op::softmax;
    softmax.inputs = {3};
    softmax.outputs = {4};
    graph.operators = {conv, softmax};
    graph.inputs = {0};
    graph.outputs = {4};
    return graph;
}

void expectSame(const nn::Graph& a, const nn::Graph& b) {
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (std::size_t i = 0; i < a.tensors.size(); ++i) {
        const nn::Tensor& x = a.tensors[i];
        const nn::Tensor& y = b.tensors[i];
        EXPECT_EQ(x.name, y.name);
        EXPECT_EQ(x.type, y.type);
        EXPECT_EQ(x.shape, y.shape);
        EXPECT_EQ(x.scales, y.scales);
        EXPECT_EQ(x.zeroPoint, y.zeroPoint);
        EXPECT_EQ(x.channelAxis, y.channelAxis);
        EXPECT_EQ(x.constant, y.constant);
        EXPECT_EQ(x.data, y.data);
    }
    ASSERT_EQ(a.operators.size(), b.operators.size());
    for (std::size_t i = 0; i < a.operators.size(); ++i) {
        EXPECT_EQ(a.operators[i].op, b.operators[i].op);
        EXPECT_EQ(a.operators[i].inputs, b.operators[i].inputs);
        EXPECT_EQ(a.operators[i].outputs, b.operators[i].outputs);
        EXPECT_EQ(a.operators[i].options, b.operators[i].options);
    }
    EXPECT_EQ(a.inputs, b.inputs);
    EXPECT_EQ(a.outputs, b.outputs);
}

TEST(Tflite, WritesAndReadsBackTheSame) {
    const nn::Graph graph = smallGraph();
    auto bytes = quantize::writeTflite(graph);
    ASSERT_TRUE(bytes) << bytes.error().message;
    EXPECT_EQ(std::memcmp(bytes->data() + 4, "TFL3", 4), 0);
    auto again = quantize::writeTflite(graph);
    ASSERT_TRUE(again);
    EXPECT_EQ(*bytes, *again);
    auto read = quantize::readTflite(*bytes);
    ASSERT_TRUE(read) << read.error().message;
    expectSame(graph, *read);
}

TEST(Tflite, EveryReferenceModelSurvivesWritingAndReading) {
    if (!test::haveModels())
        GTEST_SKIP() << "EveryReferenceModelSurvivesWritingAndReading: no ../shared/models";
    std::size_t models = 0;
    for (const auto& folder : {test::sharedModels(), test::sharedModels() / "ops"}) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            if (entry.path().extension() != ".tflite") continue;
            auto graph = quantize::loadTflite(entry.path());
            ASSERT_TRUE(graph) << entry.path() << graph.error().message;
            auto bytes = quantize::writeTflite(*graph);
            ASSERT_TRUE(bytes) << entry.path() << bytes.error().message;
            auto read = quantize::readTflite(*bytes);
            ASSERT_TRUE(read) << entry.path() << read.error().message;
            expectSame(*graph, *read);
            ++models;
        }
    }
    std::printf("%zu models\n", models);
}

TEST(Tflite, GarbageIsRefused) {
    EXPECT_EQ(quantize::readTflite({}).error().code, Code::bad_data);
    const std::vector<std::uint8_t> noise(1000, 0x5a);
    EXPECT_EQ(quantize::readTflite(noise).error().code, Code::bad_data);
    const std::vector<std::uint8_t> huge(quantize::kMaxModelBytes + 1);
    EXPECT_EQ(quantize::readTflite(huge).error().code, Code::too_large);
    auto bytes = quantize::writeTflite(smallGraph());
    ASSERT_TRUE(bytes);
    bytes->resize(bytes->size() / 2);
    EXPECT_EQ(quantize::readTflite(*bytes).error().code, Code::bad_data);
}

// The message names operator and index.
void expectRefused(const nn::Graph& graph, const std::string& text) {
    auto bytes = quantize::writeTflite(graph);
    ASSERT_FALSE(bytes);
    EXPECT_NE(bytes.error().message.find(text), std::string::npos) << bytes.error().message;
}

TEST(Tflite, InconsistentGraphsAreRefusedByOperatorAndIndex) {
    nn::Graph graph = smallGraph();
    graph.tensors[3].shape = {1, 1, 5, 3};
    expectRefused(graph, "operator 0 CONV_2D: the output shape");
    graph = smallGraph();
    graph.operators[1].inputs = {4};
    expectRefused(graph, "operator 1 SOFTMAX: reads tensor 4");
    graph = smallGraph();
    graph.operators[1].outputs = {3};
    expectRefused(graph, "operator 1 SOFTMAX: writes a tensor");
    graph = smallGraph();
    graph.tensors[4].scales = {0.004F};
    expectRefused(graph, "operator 1 SOFTMAX: the output needs scale 1/256");
    graph = smallGraph();
    graph.tensors[1].data.pop_back();
    expectRefused(graph, "tensor 1 has 17 bytes");
    graph = smallGraph();
    graph.tensors[0].shape = {1, 1, 1 << 30, 2};
    expectRefused(graph, "tensor 0 has dimension");
    graph = smallGraph();
    graph.tensors[2].type = nn::Type::int8;
    graph.tensors[2].data.resize(3);
    expectRefused(graph, "operator 0 CONV_2D: the bias");
    graph = smallGraph();
    graph.operators[0].inputs = {0, 99, 2};
    expectRefused(graph, "operator 0 CONV_2D: reads tensor 99");
}

// Six rows of two inputs each would be written where the output has room for two.
TEST(Tflite, DenseRowsMustBeTheLastDimension) {
    nn::Tensor weights = activation("weights", {3, 2}, 0.1F, 0);
    weights.constant = true;
    weights.data.assign(6, 1);
    nn::Graph graph;
    graph.tensors = {activation("in", {2, 6}, 0.1F, 0), weights,
                     activation("out", {2, 3}, 0.1F, 0)};
    nn::Operator dense;
    dense.op = nn::Op::fullyConnected;
    dense.options.keepDimensions = true;
    dense.inputs = {0, 1};
    dense.outputs = {2};
    graph.operators = {dense};
    graph.inputs = {0};
    graph.outputs = {2};
    expectRefused(graph, "operator 0 FULLY_CONNECTED: the input's last dimension");
}

// TFLM and TFLite disagree about RELU between different scales.
TEST(Tflite, ReluBetweenDifferentScalesIsRefused) {
    nn::Graph graph;
    graph.tensors = {activation("in", {1, 8}, 0.1F, 0), activation("out", {1, 8}, 0.05F, -128)};
    nn::Operator relu;
    relu.op = nn::Op::relu6;
    relu.inputs = {0};
    relu.outputs = {1};
    graph.operators = {relu};
    graph.inputs = {0};
    graph.outputs = {1};
    expectRefused(graph, "operator 0 RELU6: input and output must have one scale");
}

}  // namespace
}  // namespace tinsmith
