// The import of a foreign network: what it leaves for the later stages, and what it refuses.
#include <gtest/gtest.h>

#include "firmware/app/window_buffer.hpp"
#include "firmware/nn/run.hpp"
#include "handlers/build/import_stage.hpp"
#include "handlers/build/stage.hpp"
#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/build/sample_model.hpp"
#include "tests/handlers/quantize/job_folder.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith {
namespace {

using test::JobFolder;

void ignore(const Json&) {}

nn::Tensor activation(std::vector<std::int32_t> shape, float scale, std::int32_t zeroPoint) {
    nn::Tensor tensor;
    tensor.shape = std::move(shape);
    tensor.scales = {scale};
    tensor.zeroPoint = zeroPoint;
    return tensor;
}

nn::Operator relu(std::int32_t from, std::int32_t to) {
    nn::Operator op;
    op.op = nn::Op::relu;
    op.inputs = {from};
    op.outputs = {to};
    return op;
}

// As many outputs as inputs.
nn::Graph reluGraph(const std::vector<std::int32_t>& shape) {
    nn::Graph graph;
    graph.tensors = {activation(shape, 0.25F, -7), activation(shape, 0.25F, -7)};
    graph.operators = {relu(0, 1)};
    graph.inputs = {0};
    graph.outputs = {1};
    return graph;
}

class ImportStage : public testing::Test {
  protected:
    void put(const nn::Graph& graph) {
        const auto bytes = quantize::writeTflite(graph);
        ASSERT_TRUE(bytes) << bytes.error().message;
        put(std::string(bytes->begin(), bytes->end()));
    }
    void put(const std::string& bytes) {
        std::ofstream(job.path / "foreign.tflite", std::ios::binary) << bytes;
    }
    Result<Json> run(Json more = Json::object()) {
        Json input = {
            {"root", job.path.string()}, {"path", "foreign.tflite"}, {"kernels", "armv7em"}};
        input.update(more);
        job.write(input);
        return build::importModelStage(job.path, ignore);
    }
    void expectRefused(const Result<Json>& result, Code code, const std::string& says) {
        ASSERT_FALSE(result);
        EXPECT_EQ(codeName(result.error().code), codeName(code)) << result.error().message;
        EXPECT_NE(result.error().message.find(says), std::string::npos) << result.error().message;
        EXPECT_FALSE(result.error().hint.empty());
    }

    JobFolder job;
};

TEST_F(ImportStage, OnlyDescribesWhatHasNoRoom) {
    put(test::randomGraph(1, 4));
    const auto whole = run(Json::object());
    ASSERT_TRUE(whole) << whole.error().message;
    const auto constants = (*whole)["constant_bytes"].get<std::uint64_t>();
    const auto tensors = (*whole)["arena_bytes"].get<std::uint64_t>();
    for (const Json& room :
         {Json{{"flash_left", constants - 1}}, Json{{"ram_left", tensors - 1}}}) {
        const auto described = run(room);
        ASSERT_TRUE(described) << described.error().message;
        EXPECT_FALSE(described->contains("windows")) << room;
        EXPECT_EQ((*described)["constant_bytes"], constants);
        EXPECT_EQ((*described)["arena_bytes"], tensors);
    }
    const auto fits = run({{"flash_left", constants}, {"ram_left", tensors}});
    ASSERT_TRUE(fits) << fits.error().message;
    EXPECT_TRUE(fits->contains("windows"));
}

TEST_F(ImportStage, LeavesTheFileWindowsAndWhatTheKernelsAnswer) {
    const nn::Graph graph = test::randomGraph(1, 4);
    put(graph);
    const auto result = run({{"labels", {"west", "east", "north", "south"}}});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(job.read("model.tflite"), job.read("foreign.tflite"));
    EXPECT_EQ((*result)["sha256"], sha256Hex(job.read("foreign.tflite")));
    EXPECT_EQ((*result)["labels"], (Json{"west", "east", "north", "south"}));
    EXPECT_EQ((*result)["window"], (Json{{"length", 100}, {"channels", 3}})) << result->dump();
    EXPECT_EQ((*result)["operators"].size(), graph.operators.size());

    const auto data = dataset::load(job.path / "windows.tsd");
    ASSERT_TRUE(data) << data.error().message;
    const auto windows = dataset::windows(*data, dataset::Part::validation);
    ASSERT_EQ(windows.size(), 32U);
    EXPECT_EQ(data->classes, std::vector<std::string>{"synthetic"});
    // The windows stand for every int8 value, and each reaches the network as it was drawn.
    const nn::Tensor& input = graph.tensors[static_cast<std::size_t>(graph.inputs[0])];
    auto runner = nn::Runner::create(graph);
    ASSERT_TRUE(runner);
    std::vector<bool> seen(256);
    std::string outputs;
    for (std::uint32_t i = 0; i < windows.size(); ++i) {
        const auto drawn = test::goldenInput(i + 1, 300);
        for (std::size_t v = 0; v < drawn.size(); ++v) {
            const auto at = static_cast<std::ptrdiff_t>(v);
            EXPECT_EQ(windows[i].samples[at],
                      input.scales[0] * static_cast<float>(drawn[v] - input.zeroPoint));
            seen[static_cast<std::size_t>(drawn[v] + 128)] = true;
        }
        const auto scores = runner->run(drawn);
        ASSERT_TRUE(scores);
        outputs.append(scores->begin(), scores->end());
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 256);
    EXPECT_EQ(job.read("outputs.bin"), outputs);
}

TEST_F(ImportStage, SourceIsGeneratedOfItWithoutAPlan) {
    put(test::randomGraph(1, 4));
    const auto imported = run();
    ASSERT_TRUE(imported) << imported.error().message;
    EXPECT_EQ((*imported)["labels"], (Json{"class-0", "class-1", "class-2", "class-3"}));
    job.write({{"tflite", "model.tflite"},
               {"dataset", "windows.tsd"},
               {"labels", (*imported)["labels"]},
               {"model", "foreign"},
               {"version", 1},
               {"board", "mps2-an386"},
               {"kernels", "armv7em"}});
    const auto result = build::generateStage(job.path, ignore);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ((*result)["model_digest"], (*imported)["sha256"]);
    EXPECT_EQ((*result)["report"]["golden_bytes"], 4 * (1200 + 4));
    EXPECT_EQ((*result)["report"]["window_bytes"], 0);
    EXPECT_LE((*result)["report"]["scratch_bytes"], 64) << "the window itself needs no copy";
}

TEST_F(ImportStage, ALongWindowIsKeptAsInputBytes) {
    nn::Graph graph = reluGraph({1, 70, 40, 1});
    graph.tensors.push_back(activation({1, 7, 4, 1}, 0.25F, -7));
    graph.operators[0].op = nn::Op::maxPool2d;
    graph.operators[0].outputs = {2};
    graph.operators[0].options.filterHeight = graph.operators[0].options.filterWidth = 10;
    graph.operators[0].options.strideHeight = graph.operators[0].options.strideWidth = 10;
    graph.outputs = {2};
    put(graph);
    const auto imported = run();
    ASSERT_TRUE(imported) << imported.error().message;
    EXPECT_EQ((*imported)["window"], (Json{{"length", 2800}, {"channels", 1}}));
    EXPECT_EQ((*imported)["window_bytes"], app::slidingSize(2800));
    job.write({{"tflite", "model.tflite"},
               {"dataset", "windows.tsd"},
               {"labels", (*imported)["labels"]},
               {"model", "foreign"},
               {"version", 1},
               {"board", "mps2-an386"},
               {"kernels", "armv7em"}});
    const auto result = build::generateStage(job.path, ignore);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ((*result)["report"]["window_bytes"], app::slidingSize(2800));
    EXPECT_EQ((*result)["report"]["golden_bytes"], 2 * (4 * 2800 + 28))
        << "fewer of them where they are large";
    EXPECT_NE(job.read("model.cpp").find("std::int8_t window[3500]"), std::string::npos);
}

TEST_F(ImportStage, RowsBecomeSamplesWhereTheSensorHasSoManyChannels) {
    const std::tuple<std::vector<std::int32_t>, int, int> cases[] = {
        {{1, 49, 10, 1}, 49, 10}, {{1, 8, 4, 4}, 8, 16}, {{1, 8, 4, 5}, 160, 1},
        {{1, 640}, 640, 1},       {{1, 20, 3}, 20, 3},   {{12}, 12, 1},
        {{1, 1, 100, 3}, 100, 3}, {{1, 1}, 1, 1}};
    for (const auto& [shape, length, channels] : cases) {
        put(reluGraph(shape));
        const auto result = run();
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ((*result)["window"], (Json{{"length", length}, {"channels", channels}}))
            << Json(shape).dump();
    }
}

TEST_F(ImportStage, WhatIsNoClassifierIsRefused) {
    nn::Graph two = reluGraph({1, 8});
    two.tensors.push_back(activation({1, 8}, 0.25F, -7));
    two.tensors.push_back(activation({1, 8}, 0.25F, -7));
    two.operators.push_back(relu(2, 3));
    two.inputs = {0, 2};
    two.outputs = {1, 3};
    put(two);
    expectRefused(run(), Code::unsupported, "2 inputs");
    two.operators[1].inputs = {0};
    two.inputs = {0};
    put(two);
    expectRefused(run(), Code::unsupported, "2 outputs");
    put(reluGraph({1, 70000}));
    expectRefused(run(), Code::not_feasible, "70000 values");
    put(reluGraph({1, 2000}));
    expectRefused(run(), Code::not_feasible, "2000 outputs");
}

TEST_F(ImportStage, WrongFilesPathsAndLabelsAreRefused) {
    expectRefused(run(), Code::bad_path, "");
    expectRefused(run({{"path", "../foreign.tflite"}}), Code::bad_path, "");
    std::filesystem::create_symlink("/etc/hostname", job.path / "link.tflite");
    expectRefused(run({{"path", "link.tflite"}}), Code::bad_path, "");
    put(std::string("TFL3 but no model"));
    expectRefused(run(), Code::bad_data, "not a .tflite file");
    put(reluGraph({1, 8}));
    expectRefused(run({{"labels", {"a", "b"}}}), Code::schema, "8 outputs, 2 labels");
    EXPECT_EQ(run({{"labels", {"a"}}}).error().path, "/labels");
}

TEST_F(ImportStage, TheReferenceModelsAreTaken) {
    if (!test::haveModels())
        GTEST_SKIP() << "SKIPPED: TheReferenceModelsAreTaken: no ../shared/models";
    const std::tuple<const char*, int, int, int> cases[] = {
        {"kws_ref_model", 49, 10, 12},           {"ad01_int8", 640, 1, 640},
        {"pretrainedResnet_quant", 3072, 1, 10}, {"vww_96_int8", 27648, 1, 2},
        {"hello_world_int8", 1, 1, 1},           {"micro_speech_quantized", 1960, 1, 4}};
    for (const auto& [name, length, channels, outputs] : cases) {
        SCOPED_TRACE(name);
        std::filesystem::copy_file(test::sharedModels() / (std::string(name) + ".tflite"),
                                   job.path / "foreign.tflite",
                                   std::filesystem::copy_options::overwrite_existing);
        const auto result = run();
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ((*result)["window"], (Json{{"length", length}, {"channels", channels}}));
        EXPECT_EQ((*result)["labels"].size(), static_cast<std::size_t>(outputs));
        // Windows 1 to 8 are the inputs of the golden outputs.
        const Json golden =
            test::readJson(test::sharedModels() / "golden" / (std::string(name) + ".json"));
        const std::string scores = job.read("outputs.bin");
        for (std::size_t i = 0; i < golden.size(); ++i) {
            const auto expected = golden[i]["output"].get<std::vector<int>>();
            const auto first = scores.begin() + static_cast<std::ptrdiff_t>(i * expected.size());
            EXPECT_TRUE(std::equal(expected.begin(), expected.end(), first,
                                   [](int a, char b) { return a == static_cast<std::int8_t>(b); }))
                << "window " << i;
        }
    }
}

}  // namespace
}  // namespace tinsmith
