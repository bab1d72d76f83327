// Generated source: repeatable, exact, and closed against hostile names.
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "handlers/build/infer_source.hpp"
#include "handlers/build/pipeline_source.hpp"
#include "handlers/build/source_text.hpp"
#include "tests/handlers/build/sample_model.hpp"

namespace tinsmith {
namespace {

TEST(SourceText, FloatsReadBackBitForBit) {
    for (const float value :
         {0.1F, -1.0F / 3, 1e-30F, 3.4e38F, std::numeric_limits<float>::denorm_min(), 0.0F}) {
        EXPECT_EQ(std::strtof(build::literal(value).c_str(), nullptr), value);
    }
}

TEST(SourceText, HostileTextStaysInsideItsQuotes) {
    EXPECT_EQ(build::literal(std::string_view("left 1")), "\"left 1\"");
    EXPECT_EQ(build::literal(std::string_view("a\"; system(\"x\n\\")),
              "\"a\\042\\073 system\\050\\042x\\012\\134\"");
    EXPECT_EQ(build::literal(std::string_view("\xc3\xa9")), "\"\\303\\251\"");
    EXPECT_EQ(build::literal(std::string_view("?"
                                              "?/")),
              "\"\\077\\077\\057\"");
}

TEST(SourceText, TheSmallestIntegerIsAnExpression) {
    const std::int32_t values[] = {std::numeric_limits<std::int32_t>::min(), 5};
    EXPECT_NE(build::arrayOf("std::int32_t", "k", std::span(values)).find("-2147483647 - 1"),
              std::string::npos);
}

TEST(Generate, SameInputSameText) {
    const auto first = build::generate(test::SampleModel().input);
    const auto second = build::generate(test::SampleModel().input);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->source, second->source);
    EXPECT_EQ(first->report, second->report);
}

TEST(Generate, ReportsOperatorsAndMemory) {
    const test::SampleModel sample;
    const auto generated = build::generate(sample.input);
    ASSERT_TRUE(generated) << generated.error().message;
    const Json& report = generated->report;
    EXPECT_EQ(report["macs"], nn::macCount(sample.input.graph));
    EXPECT_EQ(report["operators"].size(), sample.input.graph.operators.size());
    // Input 300 and conv 1600, then conv 1600 and pool 800: the input's bytes are used again.
    EXPECT_EQ(report["arena_bytes"], 2400);
    EXPECT_EQ(report["golden_bytes"], 2 * (1200 + 4));
    EXPECT_TRUE(report["operators"].back()["offset"].is_null());
}

// What a pipeline points to goes with it, and a long window brings its own memory.
TEST(Generate, PipelinesAreWrittenWithTheirTables) {
    const std::uint32_t edges[] = {0, 300, 700, 8192};
    dsp::Block mel{dsp::BlockKind::mel, false, false, false, 1, 64, 32, 2, edges, true};
    dsp::Block picture{dsp::BlockKind::image,
                       false,
                       false,
                       false,
                       1,
                       0,
                       0,
                       0,
                       nullptr,
                       false,
                       true,
                       true,
                       4,
                       5,
                       50,
                       60};
    const dsp::Block blocks[] = {mel, picture};
    const std::vector<float> columns(200, 0.5F);
    dsp::Pipeline pipeline{3000, 3, blocks, 2, columns.data(), columns.data(), 1, 0};
    ASSERT_TRUE(dsp::valid(pipeline));
    pipeline.conditioning.loudness = dsp::Loudness::rms;
    const std::string text = build::pipelineSource(pipeline, "{}");
    for (const char* part :
         {"constexpr std::uint32_t kEdges0[] = {\n    0, 300, 700, 8192,};",
          "{dsp::BlockKind::mel, false, false, false, 1, 64, 32, 2, kEdges0, true, false, false, "
          "0, 0, 0, 0},",
          "{dsp::BlockKind::image, false, false, false, 1, 0, 0, 0, nullptr, false, true, true, "
          "4, 5, 50, 60},",
          "false, 1, dsp::Loudness::rms}, {}};"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    }
}

TEST(Generate, PartsThatDoNotFitAreRefused) {
    test::SampleModel labels;
    labels.input.labels.pop_back();
    EXPECT_EQ(build::generate(labels.input).error().code, Code::bad_data);
    test::SampleModel digest;
    digest.input.digest.pop_back();
    EXPECT_EQ(build::generate(digest.input).error().code, Code::bad_data);
    test::SampleModel golden;
    golden.input.golden[0].window[5] = std::numeric_limits<float>::infinity();
    EXPECT_EQ(build::generate(golden.input).error().code, Code::bad_data);
    test::SampleModel features;
    features.input.pipeline.length = 99;
    EXPECT_EQ(build::generate(features.input).error().code, Code::bad_data);
    test::SampleModel inputs;  // the application has one window at a time
    inputs.input.graph.tensors.push_back(inputs.input.graph.tensors[0]);
    inputs.input.graph.inputs.push_back(
        static_cast<std::int32_t>(inputs.input.graph.tensors.size() - 1));
    const auto refused = build::generate(inputs.input);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unsupported);
    EXPECT_NE(refused.error().message.find("one input"), std::string::npos);
}

TEST(InferSource, AReshapeCostsNothing) {
    const auto graph = test::randomGraph(2, 1);  // has a flatten
    const auto source = build::inferSource(graph);
    ASSERT_TRUE(source);
    EXPECT_EQ(source->text.find("copyRows"), std::string::npos);
}

// 3 + 4 bytes of input, and 7 that both make together.
TEST(InferSource, InputsLieOneAfterTheOther) {
    nn::Graph graph;
    for (const std::int32_t size : {3, 4, 7}) {
        nn::Tensor tensor;
        tensor.shape = {1, size};
        tensor.scales = {0.5F};
        graph.tensors.push_back(std::move(tensor));
    }
    nn::Operator op;
    op.op = nn::Op::concatenation;
    op.inputs = {0, 1};
    op.outputs = {2};
    op.options.axis = 1;
    graph.operators = {op};
    graph.inputs = {0, 1};
    graph.outputs = {2};
    const auto source = build::inferSource(graph);
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_NE(source->text.find("(kShape0_0, input, output + 0)"), std::string::npos);
    EXPECT_NE(source->text.find("(kShape0_1, input + 3, output + 3)"), std::string::npos);
    EXPECT_EQ(source->arenaBytes, 8);
    graph.outputs = {1};
    EXPECT_EQ(build::inferSource(graph).error().code, Code::unsupported) << "nothing computes it";
}

// Four rows of two bytes: the word of the last row ends two bytes behind the tensor.
TEST(InferSource, TheArenaHoldsWhatKernelsReadBehindATensor) {
    nn::Graph graph;
    const auto add = [&](std::vector<std::int32_t> shape, std::vector<std::uint8_t> data) {
        nn::Tensor tensor;
        tensor.shape = std::move(shape);
        tensor.scales = {0.5F};
        tensor.constant = !data.empty();
        tensor.data = std::move(data);
        graph.tensors.push_back(std::move(tensor));
    };
    add({4, 2}, {});
    add({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
    add({4, 4}, {});
    graph.tensors[2].scales = {2};  // the core's kernel divides by two at least
    nn::Operator op;
    op.op = nn::Op::fullyConnected;
    op.inputs = {0, 1};
    op.outputs = {2};
    graph.operators = {op};
    graph.inputs = {0};
    graph.outputs = {2};
    const auto source =
        build::inferSource(graph, build::Core::armv7em, false, build::Parameters::fast);
    ASSERT_TRUE(source) << source.error().message;
    ASSERT_EQ(source->operators[0]["kernel"], "denseFull");
    EXPECT_EQ(source->arenaBytes, 10);
    EXPECT_EQ(build::inferSource(graph)->arenaBytes, 8) << "the portable kernel reads bytes";
}

}  // namespace
}  // namespace tinsmith
