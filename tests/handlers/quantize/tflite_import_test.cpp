// What files of others may hold: float32 ends are taken off, everything that the kernels cannot do
// is refused with the operator's name and index, and a damaged file is told apart from both.
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "firmware/nn/run.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/file_model.hpp"

namespace tinsmith {
namespace {

using quantize::readTflite;
using test::FileModel;
using test::floatEnds;

void expectRefused(const FileModel& model, Code code, const std::string& says) {
    const auto graph = readTflite(model.bytes());
    ASSERT_FALSE(graph) << "read although: " << says;
    EXPECT_EQ(codeName(graph.error().code), codeName(code)) << graph.error().message;
    EXPECT_NE(graph.error().message.find(says), std::string::npos) << graph.error().message;
    EXPECT_FALSE(graph.error().hint.empty());
}

TEST(Ends, FloatEndsAreTakenOff) {
    const auto graph = readTflite(floatEnds().bytes());
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(graph->inputs, std::vector<std::int32_t>{1});
    EXPECT_EQ(graph->outputs, std::vector<std::int32_t>{2});
    ASSERT_EQ(graph->operators.size(), 1U);
    EXPECT_EQ(graph->operators[0].fileIndex, 1) << "messages name the operator's place in the file";
    auto runner = nn::Runner::create(*graph);
    ASSERT_TRUE(runner) << runner.error();
    const std::vector<std::int8_t> input = {-128, -6, -5, -4, 0, 1, 100, 127};
    const auto output = runner->run(input);
    ASSERT_TRUE(output);
    EXPECT_EQ(*output, (std::vector<std::int8_t>{-5, -5, -5, -4, 0, 1, 100, 127}));
    EXPECT_TRUE(quantize::writeTflite(*graph));
}

TEST(Ends, OneSideAlone) {
    FileModel model = floatEnds();  // float32 in, int8 out
    model.operators.pop_back();
    model.outputs = {2};
    EXPECT_TRUE(readTflite(model.bytes()));
    model = floatEnds();  // int8 in, float32 out
    model.operators.erase(model.operators.begin());
    model.inputs = {1};
    EXPECT_TRUE(readTflite(model.bytes()));
}

TEST(Ends, AQuantizeBetweenInt8TensorsStays) {
    FileModel model = floatEnds();
    model.tensors[0] = {"in", test::fb::TensorType::INT8, {1, 8}, 0.2F, 3};
    const auto graph = readTflite(model.bytes());
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(graph->operators.size(), 2U);
    EXPECT_EQ(graph->operators[0].op, nn::Op::quantize);
}

TEST(Refused, FloatsInTheMiddleWithNameAndIndex) {
    FileModel model = floatEnds();  // RELU on the floats, before they are quantised
    model.tensors.push_back({"hidden", test::fb::TensorType::FLOAT32, {1, 8}, 0});
    model.operators = {{test::kReluCode, {0}, {4}, ""},
                       {test::kQuantizeCode, {4}, {1}, ""},
                       {test::kReluCode, {1}, {2}, ""}};
    model.outputs = {2};
    expectRefused(model, Code::unsupported, "operator 0 RELU: tensor 0 'in' is float32");
    model.operators.erase(model.operators.begin());
    model.operators[0].inputs = {4};
    expectRefused(model, Code::unsupported, "operator 0 QUANTIZE: tensor 4 'hidden' is float32");
    model = floatEnds();  // SOFTMAX on the floats at the end
    model.tensors.push_back({"scores", test::fb::TensorType::FLOAT32, {1, 8}, 0});
    model.operators.push_back({test::kReluCode, {3}, {4}, ""});
    model.outputs = {4};
    expectRefused(model, Code::unsupported, "operator 2 DEQUANTIZE is not supported");
}

TEST(Refused, OtherElementTypes) {
    for (const auto& [type, name] :
         {std::pair(test::fb::TensorType::UINT8, "uint8"),
          std::pair(test::fb::TensorType::INT16, "int16"),
          std::pair(test::fb::TensorType::INT64, "int64"),
          std::pair(static_cast<test::fb::TensorType>(17), "int4"),
          std::pair(static_cast<test::fb::TensorType>(99), "of element type 99")}) {
        FileModel model = floatEnds();
        model.tensors[1].type = type;
        expectRefused(model, Code::unsupported, name);
        model = floatEnds();  // of a tensor that nothing uses, the type does not matter
        model.tensors.push_back({"unused", type, {0, -1}, 0});
        EXPECT_TRUE(readTflite(model.bytes())) << name;
    }
    FileModel model = floatEnds();
    model.operators.clear();
    model.outputs = {0};
    expectRefused(model, Code::unsupported, "the model's input: tensor 0 'in' is float32");
}

TEST(Refused, OperatorsByNameAndIndex) {
    const std::pair<std::int32_t, const char*> operators[] = {
        {6, "DEQUANTIZE"},     {28, "TANH"},          {39, "TRANSPOSE"},
        {45, "STRIDED_SLICE"}, {77, "SHAPE"},         {98, "LEAKY_RELU"},
        {117, "HARD_SWISH"},   {126, "BATCH_MATMUL"}, {999, "builtin code 999"}};
    for (const auto& [code, name] : operators) {
        FileModel model = floatEnds();
        model.operators[1].code = code;
        expectRefused(model, Code::unsupported, std::string("operator 1 ") + name);
    }
    FileModel model = floatEnds();
    model.operators[1] = {32, {1}, {2}, "MyOperator"};
    expectRefused(model, Code::unsupported, "operator 1 CUSTOM 'MyOperator'");
    model = floatEnds();
    model.operators[1].code = 3;
    expectRefused(model, Code::bad_data, "operator 1 CONV_2D: its options are missing");
    model = floatEnds();
    model.tensors[2].scale = 0.05F;
    expectRefused(model, Code::unsupported,
                  "operator 1 RELU: input and output must have one scale");
    model = floatEnds();
    model.subgraphs = 2;
    expectRefused(model, Code::unsupported, "one subgraph");
}

TEST(Refused, DamageIsBadData) {
    FileModel model = floatEnds();
    model.operators[1].inputs = {9};
    expectRefused(model, Code::bad_data, "operator 1 RELU reads tensor 9, which does not exist");
    model = floatEnds();
    model.operators[1].outputs = {-1};
    expectRefused(model, Code::bad_data, "operator 1 RELU writes tensor -1");
    model = floatEnds();
    model.outputs = {77};
    expectRefused(model, Code::bad_data, "does not exist");
    model = floatEnds();
    model.tensors[1].shape = {1, -8};
    expectRefused(model, Code::bad_data, "dimension -8");
    model = floatEnds();
    model.tensors[1].zeroPoint = 300;
    expectRefused(model, Code::bad_data, "zero point");
}

// Two convolutions, the second depthwise: 1 x 4 x 4 x 2 all the way.
FileModel convolutions() {
    const auto int8 = test::fb::TensorType::INT8;
    FileModel model;
    model.tensors = {{"in", int8, {1, 4, 4, 2}, 0.1F, -5},
                     {"weights", int8, {2, 1, 1, 2}, 0.02F, 0, {1, 2, 3, 4}},
                     {"middle", int8, {1, 4, 4, 2}, 0.1F, -5},
                     {"taps", int8, {1, 1, 1, 2}, 0.02F, 0, {1, 2}},
                     {"out", int8, {1, 4, 4, 2}, 0.1F, -5}};
    model.operators = {{3, {0, 1}, {2}, ""}, {4, {2, 3}, {4}, ""}};
    model.inputs = {0};
    model.outputs = {4};
    return model;
}

struct Window {
    int stride = 1, dilation = 1, activation = 0, padding = 0;
};

void setOptions(FileModel& model, Window first, Window second) {
    model.operators[0].optionsType = test::fb::BuiltinOptions::Conv2DOptions;
    model.operators[0].options = [first](flatbuffers::FlatBufferBuilder& builder) {
        return test::fb::CreateConv2DOptions(
                   builder, static_cast<test::fb::PaddingKind>(first.padding), first.stride,
                   first.stride, static_cast<test::fb::ActivationKind>(first.activation),
                   first.dilation, first.dilation)
            .Union();
    };
    model.operators[1].optionsType = test::fb::BuiltinOptions::DepthwiseConv2DOptions;
    model.operators[1].options = [second](flatbuffers::FlatBufferBuilder& builder) {
        return test::fb::CreateDepthwiseConv2DOptions(
                   builder, static_cast<test::fb::PaddingKind>(second.padding), second.stride,
                   second.stride, 1, static_cast<test::fb::ActivationKind>(second.activation),
                   second.dilation, second.dilation)
            .Union();
    };
}

TEST(Refused, EveryRowOfTheTable) {
    struct Row {
        const char* name;
        std::function<void(FileModel&)> spoil;
        Code code;
        const char* says;
    };
    const Row rows[] = {
        {"a fused TANH", [](FileModel& m) { setOptions(m, {}, {1, 1, 4}); }, Code::unsupported,
         "operator 1 DEPTHWISE_CONV_2D: fused activation 4"},
        {"dilation of depthwise", [](FileModel& m) { setOptions(m, {}, {1, 2}); },
         Code::unsupported, "operator 1 DEPTHWISE_CONV_2D: dilation"},
        {"a padding that does not exist", [](FileModel& m) { setOptions(m, {1, 1, 0, 9}, {}); },
         Code::bad_data, "operator 0 CONV_2D: padding 9"},
        {"stride 0", [](FileModel& m) { setOptions(m, {0}, {}); }, Code::bad_data,
         "operator 0 CONV_2D: kernel, stride or dilation is less than 1"},
        {"a variable", [](FileModel& m) { m.tensors[2].variable = true; }, Code::unsupported,
         "operator 0 CONV_2D: tensor 2 'middle' is a variable"},
        {"zero points that differ",
         [](FileModel& m) {
             m.tensors[3].scales = {0.1F, 0.2F};
             m.tensors[3].zeroPoints = {0, 1};
         },
         Code::unsupported, "operator 1 DEPTHWISE_CONV_2D: tensor 3 'taps' has different zero"},
        {"scales without zero points",
         [](FileModel& m) {
             m.tensors[3].scales = {0.1F, 0.2F};
             m.tensors[3].zeroPoints = {0};
         },
         Code::bad_data, "operator 1 DEPTHWISE_CONV_2D: tensor 3 'taps' has scales without"},
        {"nine dimensions", [](FileModel& m) { m.tensors[4].shape = {1, 1, 1, 1, 1, 1, 4, 4, 2}; },
         Code::unsupported,
         "operator 1 DEPTHWISE_CONV_2D: tensor 4 'out' has more than 8 dimensions"},
        {"a buffer that does not exist", [](FileModel& m) { m.tensors[1].buffer = 99; },
         Code::bad_data, "operator 0 CONV_2D: tensor 1 'weights' names a missing buffer"},
        {"an empty buffer", [](FileModel& m) { m.tensors[1].buffer = 0; }, Code::bad_data,
         "operator 0 CONV_2D: reads tensor 1, which has no value yet"},
        {"another tensor's buffer", [](FileModel& m) { m.tensors[1].buffer = 4; }, Code::bad_data,
         "operator 0 CONV_2D: tensor 1 has 2 bytes of data, not 4"},
        {"an operator before its input",
         [](FileModel& m) { std::swap(m.operators[0], m.operators[1]); }, Code::bad_data,
         "operator 0 DEPTHWISE_CONV_2D: reads tensor 2, which has no value yet"},
        {"an input that is a constant", [](FileModel& m) { m.inputs = {0, 1}; }, Code::bad_data,
         "impossible input"},
        {"shapes that contradict each other", [](FileModel& m) { m.tensors[2].shape[2] = 5; },
         Code::bad_data, "operator 0 CONV_2D: the output shape should be 1 4 4 2"},
        {"weights with a zero point", [](FileModel& m) { m.tensors[1].zeroPoint = 7; },
         Code::unsupported, "operator 0 CONV_2D: weights must have zero point 0"},
        {"65 inputs", [](FileModel& m) { m.operators[0].inputs.assign(65, 0); }, Code::unsupported,
         "operator 0 CONV_2D has more than 64 inputs"},
    };
    FileModel good = convolutions();
    setOptions(good, {1, 1, 1}, {1, 1, 3});
    const auto graph = readTflite(good.bytes());
    ASSERT_TRUE(graph) << graph.error().message;
    setOptions(good, {1, 2}, {});
    EXPECT_TRUE(readTflite(good.bytes())) << "a golden vector covers dilation of CONV_2D";
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        FileModel model = convolutions();
        setOptions(model, {}, {});
        row.spoil(model);
        expectRefused(model, row.code, row.says);
    }
}

}  // namespace
}  // namespace tinsmith
