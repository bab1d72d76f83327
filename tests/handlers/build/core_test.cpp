// Generated networks on the emulated boards, a Cortex-M4F with the kernels of Armv7E-M and a
// Cortex-M3 with the portable ones, against the golden vectors of TensorFlow Lite Micro's reference
// kernels and against the portable kernels on the host: equal to the last bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <tuple>

#include "firmware/nn/run.hpp"
#include "handlers/build/parameter_limit.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/build/board_program.hpp"
#include "tests/handlers/build/random_chain.hpp"
#include "tests/handlers/build/random_layer.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith {
namespace {

using test::BoardNetwork;

BoardNetwork shared(const std::string& name) {
    auto graph = quantize::loadTflite(test::sharedModels() / (name + ".tflite"));
    EXPECT_TRUE(graph) << name << ": " << graph.error().message;
    return {name, std::move(*graph)};
}

std::string hex(std::uint32_t hash) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", hash);
    return text;
}

class CoreOnBoard : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!test::haveBoardTools()) GTEST_SKIP() << "CoreOnBoard: no cross compiler or emulator";
        const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
        if (std::string(test->name()).starts_with("Golden") && !test::haveModels())
            GTEST_SKIP() << "CoreOnBoard." << test->name() << ": no ../shared/models";
    }

    // Against the portable kernels on the host.
    static void compare(const std::vector<BoardNetwork>& networks, const std::string& folder,
                        build::Core core = build::Core::armv7em) {
        constexpr int kSeeds = 2;
        const auto runs = test::runOnBoard(networks, core, kSeeds, false, folder);
        ASSERT_EQ(runs.size(), networks.size());
        for (std::size_t i = 0; i < networks.size(); ++i) {
            auto runner = nn::Runner::create(networks[i].graph, nn::Kernels::portable).value();
            for (int seed = 1; seed <= kSeeds; ++seed) {
                const auto input =
                    test::goldenInput(static_cast<std::uint32_t>(seed), runner.inputBytes());
                const auto output = runner.run(input).value();
                EXPECT_EQ(runs[i][static_cast<std::size_t>(seed - 1)].output,
                          test::fnv1a(output.data(), output.size()))
                    << networks[i].name << " seed " << seed;
            }
        }
    }

    // Every operator of a whole model, and its final output.
    static void compareGolden(const std::string& name, build::Core core = build::Core::armv7em) {
        const Json layers =
            test::readJson(test::sharedModels() / "golden" / (name + ".layers.json"));
        const auto seeds = static_cast<int>(layers.size());
        const std::vector<BoardNetwork> one = {shared(name)};
        const std::string folder = std::string("golden-board-") + name +
                                   (core == build::Core::portable ? "-portable" : "");
        const auto runs = test::runOnBoard(one, core, seeds, true, folder);
        ASSERT_EQ(runs.size(), 1U);
        const auto fast = test::runOnBoard(one, core, seeds, false, folder);
        ASSERT_EQ(fast.size(), 1U);
        std::size_t tensors = 0;
        for (std::size_t i = 0; i < layers.size(); ++i) {
            ASSERT_EQ(layers[i]["seed"], static_cast<int>(i) + 1);
            for (const Json& layer : layers[i]["ops"]) {
                const auto op = layer["op"].get<std::size_t>();
                EXPECT_EQ(hex(runs[0][i].operators.at(op)), layer["fnv1a32"].get<std::string>())
                    << name << " seed " << i + 1 << " operator " << op;
                ++tensors;
            }
            EXPECT_EQ(fast[0][i].output, runs[0][i].output) << "with memory used again";
        }
        std::printf("%s: %d seeds, %zu tensors, %llu instructions\n", name.c_str(), seeds, tensors,
                    static_cast<unsigned long long>(fast[0][0].instructions));
    }
};

TEST_F(CoreOnBoard, GoldenOperators) {
    std::map<std::string, std::vector<Json>> golden;
    for (Json& entry : test::readJson(test::sharedModels() / "ops" / "golden.json"))
        golden[entry["name"].get<std::string>()].push_back(std::move(entry));
    std::vector<BoardNetwork> networks;
    std::size_t severalInputs = 0;
    std::size_t seeds = 0;
    for (const auto& [name, entries] : golden) {
        networks.push_back(shared("ops/" + name));
        if (networks.back().graph.inputs.size() > 1) ++severalInputs;
        seeds = std::max(seeds, entries.size());
    }
    for (const auto& [core, coreName] : {std::pair(build::Core::armv7em, "armv7em"),
                                         std::pair(build::Core::portable, "portable")}) {
        const auto runs = test::runOnBoard(networks, core, static_cast<int>(seeds), false,
                                           std::string("golden-board-operators-") + coreName);
        ASSERT_EQ(runs.size(), networks.size());
        std::size_t outputs = 0;
        for (std::size_t i = 0; i < networks.size(); ++i) {
            for (const Json& entry : golden.at(networks[i].name.substr(4))) {
                const auto expected = entry["output"].get<std::vector<std::int8_t>>();
                const auto seed = entry["seed"].get<std::size_t>();
                EXPECT_EQ(runs[i].at(seed - 1).output,
                          test::fnv1a(expected.data(), expected.size()))
                    << networks[i].name << " seed " << seed << " " << coreName;
                ++outputs;
            }
        }
        std::printf(
            "%s: %zu single-operator models ran, %zu of them with several inputs, %zu "
            "outputs compared\n",
            coreName, networks.size(), severalInputs, outputs);
    }
}

TEST_F(CoreOnBoard, GoldenKeywordSpottingOnACortexM3) {
    compareGolden("kws_ref_model", build::Core::portable);
}
class WholeModelOnBoard : public CoreOnBoard, public ::testing::WithParamInterface<std::string> {};

TEST_P(WholeModelOnBoard, GoldenOperatorByOperator) {
    compareGolden(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Golden, WholeModelOnBoard, ::testing::ValuesIn(test::goldenModels()),
                         [](const auto& model) { return model.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WholeModelOnBoard);  // no ../shared/models

TEST_F(CoreOnBoard, RandomLayersEqualThePortableKernels) {
    std::mt19937 random(7);
    std::vector<BoardNetwork> networks;
    for (int i = 0; i < 200; ++i) networks.push_back(test::randomLayer(random, i));
    compare(networks, "random-board-layers");
}

TEST_F(CoreOnBoard, DepthwiseLayersOfOneChannelAreConvolutions) {
    std::mt19937 random(17);
    std::vector<BoardNetwork> networks;
    int convolutions = 0;
    for (int i = 0; i < 24; ++i) {
        test::RandomLayer layer(random);
        layer.depthwiseOfOneChannel();
        const auto source =
            build::inferSource(layer.graph, build::Core::armv7em, false, build::Parameters::fast);
        ASSERT_TRUE(source);
        if (source->operators[0]["kernel"].get<std::string>().starts_with("conv2d")) ++convolutions;
        networks.push_back({"one channel " + std::to_string(i), std::move(layer.graph)});
    }
    EXPECT_GE(convolutions, 18);
    compare(networks, "one-channel-on-board");
}

TEST_F(CoreOnBoard, PoolsEqualThePortableKernels) {
    std::mt19937 random(19);
    std::vector<BoardNetwork> networks;
    std::map<std::string, int> kernels;
    for (int i = 0; i < 100; ++i) {
        test::RandomLayer layer(random);
        layer.pool();
        if (layer.between(0, 3) == 0) layer.shift();
        const auto source = build::inferSource(layer.graph, build::Core::armv7em);
        ASSERT_TRUE(source);
        ++kernels[source->operators[0]["kernel"].get<std::string>()];
        networks.push_back({"pool " + std::to_string(i), std::move(layer.graph)});
    }
    for (const auto& [name, count] : kernels) std::printf("%s %d  ", name.c_str(), count);
    std::printf("\n");
    EXPECT_GE(kernels["averagePool"], 20);
    EXPECT_GE(kernels["maxPool"], 20);
    EXPECT_GE(kernels["averagePool2d"] + kernels["maxPool2d"], 5) << "odd numbers of channels";
    compare(networks, "pools-on-board");
}

// Everywhere -128 or 127, in windows of as many taps as sums of int16 hold, and of one more.
TEST_F(CoreOnBoard, AveragesAtTheEndsOfTheirSums) {
    std::mt19937 random(23);
    std::vector<BoardNetwork> networks;
    for (const bool lowest : {true, false}) {
        for (const auto& [rows, columns, kernel] :
             {std::tuple(15, 17, "averagePool"), std::tuple(16, 16, "averagePool2d")}) {
            test::RandomLayer layer(random);
            layer.averageOfExtremes(rows, columns, lowest);
            const auto source = build::inferSource(layer.graph, build::Core::armv7em);
            ASSERT_TRUE(source);
            EXPECT_EQ(source->operators[1]["kernel"], kernel);
            auto runner = nn::Runner::create(layer.graph, nn::Kernels::portable).value();
            const auto output = runner.run(test::goldenInput(1, runner.inputBytes())).value();
            EXPECT_EQ(output[0], lowest ? -128 : 127);
            networks.push_back(
                {std::string(lowest ? "lowest " : "highest ") + kernel, std::move(layer.graph)});
        }
    }
    compare(networks, "averages-at-their-ends");
}

// Sizes of kernel and strides whose product is 1 in 32 bits: 9 * 20857 * 45761 = 2^33 + 1.
TEST_F(CoreOnBoard, StridesBeyondTheImageDoNotOverflow) {
    std::mt19937 random(3);
    test::RandomLayer layer(random);
    const auto input = layer.activation({1, 1, 1, 4}, 0.05F);
    nn::Operator op;
    op.op = nn::Op::conv2d;
    op.options.padding = nn::Padding::same;
    op.options.strideHeight = 20857;
    op.options.strideWidth = 45761;
    op.inputs = {input, layer.weights({6, 1, 9, 4}, 6, 0), layer.bias(6)};
    op.outputs = {layer.activation({1, 1, 1, 6}, 0.2F)};
    layer.graph.outputs = op.outputs;
    layer.graph.inputs = {input};
    layer.graph.operators.push_back(std::move(op));
    const auto source = build::inferSource(layer.graph, build::Core::armv7em);
    ASSERT_TRUE(source);
    ASSERT_TRUE(source->operators[0]["kernel"].get<std::string>().starts_with("conv2d"));
    ASSERT_NE(source->operators[0]["kernel"], "conv2d") << "the portable kernel shows nothing";
    compare({{"one pixel", std::move(layer.graph)}}, "strides-on-board");
}

// On the host every tensor has its own memory, on the board it is used again.
TEST_F(CoreOnBoard, RandomChainsKeepTheirTensorsApart) {
    std::mt19937 random(11);
    std::vector<BoardNetwork> networks;
    for (int i = 0; i < 60; ++i) networks.push_back(test::randomChain(random, i));
    std::map<std::string, int> operators;
    int telling = 0;
    std::int64_t apart = 0;
    std::int64_t used = 0;
    for (const BoardNetwork& network : networks) {
        for (const nn::Operator& op : network.graph.operators)
            ++operators[std::string(nn::opName(op.op))];
        auto runner = nn::Runner::create(network.graph).value();
        const auto first = runner.run(test::goldenInput(1, runner.inputBytes())).value();
        if (first != runner.run(test::goldenInput(2, runner.inputBytes())).value()) ++telling;
        apart += build::inferSource(network.graph, build::Core::armv7em, true)->arenaBytes;
        used += build::inferSource(network.graph, build::Core::armv7em)->arenaBytes;
    }
    for (const auto& [name, count] : operators) std::printf("%s %d  ", name.c_str(), count);
    std::printf(
        "\n%lld bytes with memory used again, %lld without; %d of %zu outputs follow the "
        "input\n",
        static_cast<long long>(used), static_cast<long long>(apart), telling, networks.size());
    EXPECT_GE(telling, 55) << "outputs that are constant show nothing";
    EXPECT_LT(used, apart * 3 / 4);
    compare(networks, "random-board-chains");
    compare(networks, "random-board-chains-portable", build::Core::portable);
}

// What the linker took: no heap, no exceptions, no mathematical library, no kernel that nothing
// calls.
TEST_F(CoreOnBoard, LinksOnlyWhatItCalls) {
    std::mt19937 random(3);
    for (const auto& [core, dense] : {std::pair(build::Core::armv7em, "armv7em::dense"),
                                      std::pair(build::Core::portable, "fullyConnected")}) {
        test::RandomLayer layer(random);
        do {  // of a size that both cores have a kernel for
            layer.graph = {};
            layer.dense();
        } while (
            layer.graph.tensors[static_cast<std::size_t>(layer.graph.outputs[0])].shape.back() < 4);
        const std::string folder = std::string("linked-") + dense;
        ASSERT_FALSE(test::runOnBoard({{"dense", layer.graph}}, core, 1, false, folder).empty());
        const std::string path = std::string(TINSMITH_BUILD_DIR) + "/" + folder;
        ASSERT_EQ(
            std::system(("arm-none-eabi-nm -C '" + path + "/program.elf' > '" + path + "/symbols'")
                            .c_str()),
            0);
        std::ifstream in(path + "/symbols");
        const std::string symbols(std::istreambuf_iterator<char>(in), {});
        EXPECT_NE(symbols.find(dense), std::string::npos) << symbols;
        for (const char* absent : {"conv2d", "malloc", "_sbrk", "operator new", "__cxa_throw",
                                   "_Unwind", " expf", " logf", " sqrtf", " pow", "printf"}) {
            EXPECT_EQ(symbols.find(absent), std::string::npos) << absent << " in\n" << symbols;
        }
    }
}

// 5 percent and 5 bytes a filter more than the file at the most, single layers too; and what a
// build without that limit would take.
TEST(GoldenParameters, TakeLittleMoreThanTheFile) {
    if (!test::haveModels()) GTEST_SKIP() << "GoldenParameters: no ../shared/models";
    std::vector<std::string> names = test::goldenModels();
    for (const auto& file : std::filesystem::directory_iterator(test::sharedModels() / "ops")) {
        if (file.path().extension() == ".tflite")
            names.push_back("ops/" + file.path().stem().string());
    }
    int changed = 0;
    for (const std::string& name : names) {
        const BoardNetwork network = shared(name);
        const std::int64_t limit = build::parameterLimit(network.graph);
        for (const auto core : {build::Core::armv7em, build::Core::portable}) {
            const auto limited = build::inferSource(network.graph, core);
            const auto fast =
                build::inferSource(network.graph, core, false, build::Parameters::fast);
            ASSERT_TRUE(limited && fast) << name;
            EXPECT_LE(limited->constantBytes, limit) << name;
            if (fast->constantBytes <= limit) {
                EXPECT_EQ(limited->text, fast->text) << name << " changed without need";
            } else {
                ++changed;
                std::printf("%s: %lld bytes of parameters, %lld without the limit of %lld\n",
                            name.c_str(), static_cast<long long>(limited->constantBytes),
                            static_cast<long long>(fast->constantBytes),
                            static_cast<long long>(limit));
            }
        }
    }
    EXPECT_GT(changed, 0) << "nothing needed the limit";
}

// The kernels that the limit leaves are linked together and yield the same.
TEST_F(CoreOnBoard, LimitedParametersYieldTheSame) {
    std::mt19937 random(13);
    std::vector<BoardNetwork> networks;
    std::vector<build::InferSource> sources;
    int mixed = 0;
    for (int i = 0; i < 40; ++i) {
        BoardNetwork network = test::randomChain(random, i);
        auto limited = build::inferSource(network.graph, build::Core::armv7em);
        const auto fast =
            build::inferSource(network.graph, build::Core::armv7em, false, build::Parameters::fast);
        ASSERT_TRUE(limited && fast);
        if (limited->text == fast->text) continue;
        ++mixed;
        networks.push_back(std::move(network));
        sources.push_back(std::move(*limited));
    }
    EXPECT_GE(mixed, 5);
    const auto runs = test::runOnBoard(networks, sources, 1, false, "limited-parameters");
    ASSERT_EQ(runs.size(), networks.size());
    for (std::size_t i = 0; i < networks.size(); ++i) {
        auto runner = nn::Runner::create(networks[i].graph, nn::Kernels::portable).value();
        const auto output = runner.run(test::goldenInput(1, runner.inputBytes())).value();
        EXPECT_EQ(runs[i][0].output, test::fnv1a(output.data(), output.size())) << networks[i].name;
    }
}

}  // namespace
}  // namespace tinsmith
