// Our kernels against the golden vectors of TensorFlow Lite Micro's reference kernels: equal to the
// last bit.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "firmware/nn/run.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith {
namespace {

using test::goldenInput;
using test::haveModels;
using test::readJson;
using test::sharedModels;

TEST(Golden, SingleOperatorsAreEqual) {
    if (!haveModels()) GTEST_SKIP() << "Golden.SingleOperatorsAreEqual: no ../shared/models";
    std::map<std::string, std::vector<Json>> cases;
    for (auto& entry : readJson(sharedModels() / "ops" / "golden.json")) {
        cases[entry["name"].get<std::string>()].push_back(entry);
    }
    std::size_t equal = 0;
    for (const auto& [name, seeds] : cases) {
        auto graph = quantize::loadTflite(sharedModels() / "ops" / (name + ".tflite"));
        if (!graph) {
            std::printf("skipped %s: %s\n", name.c_str(), graph.error().message.c_str());
            ADD_FAILURE() << name << " is not supported: " << graph.error().message;
            continue;
        }
        auto runner = nn::Runner::create(*graph);
        ASSERT_TRUE(runner) << name << ": " << runner.error();
        bool same = true;
        for (const Json& golden : seeds) {
            const auto input = goldenInput(golden["seed"], runner->inputBytes());
            ASSERT_EQ(input.size(), golden["input_bytes"].get<std::size_t>());
            auto output = runner->run(input);
            ASSERT_TRUE(output) << output.error();
            std::vector<int> values(output->begin(), output->end());
            EXPECT_EQ(values, golden["output"].get<std::vector<int>>())
                << name << " seed " << golden["seed"];
            same = same && values == golden["output"].get<std::vector<int>>();
        }
        if (same) ++equal;
    }
    std::printf("%zu of %zu single-operator models equal for every seed\n", equal, cases.size());
    EXPECT_EQ(equal, cases.size());
}

// Every operator's output of a whole model, and its final output.
void compareModel(const std::string& name) {
    auto graph = quantize::loadTflite(sharedModels() / (name + ".tflite"));
    ASSERT_TRUE(graph) << graph.error().message;
    auto runner = nn::Runner::create(*graph);
    ASSERT_TRUE(runner) << runner.error();
    const Json finals = readJson(sharedModels() / "golden" / (name + ".json"));
    const Json layers = readJson(sharedModels() / "golden" / (name + ".layers.json"));
    ASSERT_EQ(finals.size(), layers.size());
    std::size_t tensors = 0;
    for (std::size_t i = 0; i < finals.size(); ++i) {
        auto output = runner->run(goldenInput(finals[i]["seed"], runner->inputBytes()));
        ASSERT_TRUE(output) << output.error();
        EXPECT_EQ(std::vector<int>(output->begin(), output->end()),
                  finals[i]["output"].get<std::vector<int>>());
        for (const Json& layer : layers[i]["ops"]) {
            const auto bytes = runner->operatorOutput(layer["op"]);
            char hash[9];
            std::snprintf(hash, sizeof hash, "%08x", test::fnv1a(bytes.data(), bytes.size()));
            EXPECT_EQ(hash, layer["fnv1a32"].get<std::string>())
                << name << " operator " << layer["op"];
            ++tensors;
        }
    }
    std::printf("%s: %zu seeds, %zu tensors, %lld MACs\n", name.c_str(), finals.size(), tensors,
                static_cast<long long>(nn::macCount(*graph)));
}

void compareReal(const std::string& name) {
    if (!haveModels()) GTEST_SKIP() << "Golden." << name << ": no ../shared/models";
    auto graph = quantize::loadTflite(sharedModels() / (name + ".tflite"));
    ASSERT_TRUE(graph) << graph.error().message;
    auto runner = nn::Runner::create(*graph);
    ASSERT_TRUE(runner) << runner.error();
    std::ifstream in(sharedModels() / "golden" / "inputs" / (name + ".real0.bin"),
                     std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in),
                                  std::istreambuf_iterator<char>()};
    auto output = runner->run(std::vector<std::int8_t>(bytes.begin(), bytes.end()));
    ASSERT_TRUE(output) << output.error();
    const Json golden = readJson(sharedModels() / "golden" / (name + ".real.json"));
    EXPECT_EQ(std::vector<int>(output->begin(), output->end()),
              golden[0]["output"].get<std::vector<int>>());
}

class GoldenModel : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenModel, OperatorByOperator) {
    compareModel(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Golden, GoldenModel, ::testing::ValuesIn(test::goldenModels()),
                         [](const auto& model) { return model.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GoldenModel);  // no ../shared/models

TEST(Golden, KeywordSpottingRealInput) {
    compareReal("kws_ref_model");
}
TEST(Golden, ImageClassificationRealInput) {
    compareReal("pretrainedResnet_quant");
}

}  // namespace
}  // namespace tinsmith
