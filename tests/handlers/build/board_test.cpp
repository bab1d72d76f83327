// Generated networks on the emulated Cortex-M4F: every output equal to what the host computed.
#include <gtest/gtest.h>

#include <sstream>

#include "firmware/nn/run.hpp"
#include "handlers/build/infer_source.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/build/board_program.hpp"
#include "tests/handlers/build/sample_model.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith {
namespace {

struct Case {
    std::string name;
    nn::Graph graph;
};

std::vector<Case> cases() {
    std::vector<Case> result;
    for (int kind = 0; kind < test::kNetworkKinds; ++kind)
        result.push_back({"random" + std::to_string(kind), test::randomGraph(kind, 2)});
    if (!test::haveModels()) return result;
    for (const char* name :
         {"kws_ref_model", "hello_world_int8", "micro_speech_quantized", "ops/mini_cnn",
          "ops/mini_res", "ops/concat_h_3", "ops/pad_hwc_c5", "ops/logistic_s0.2",
          "ops/mul_channel_act", "ops/add_scalar_const", "ops/softmax_1000", "ops/quantize_down"}) {
        auto graph = quantize::loadTflite(test::sharedModels() / (std::string(name) + ".tflite"));
        EXPECT_TRUE(graph) << name;
        if (graph && graph->inputs.size() == 1) result.push_back({name, std::move(*graph)});
    }
    return result;
}

constexpr int kSeeds = 3;

// A program that feeds each network the generated inputs of the golden vectors and prints FNV-1a of
// its output.
std::string program(const std::vector<Case>& all, build::Core core) {
    std::string text =
        "#include \"firmware/nn/kernels.hpp\"\n"
        "#include \"firmware/nn/cores/armv7em/kernels.hpp\"\n"
        "#include \"tests/firmware/nn/board/startup.hpp\"\n"
        "namespace nn = tinsmith::nn;\n"
        "static void fill(std::int8_t* to, int bytes, std::uint32_t x) {\n"
        "    for (int i = 0; i < bytes; ++i) { x ^= x << 13; x ^= x >> 17; x ^= x << 5; to[i] = "
        "static_cast<std::int8_t>(x); }\n}\n"
        "static std::uint32_t hash(const std::int8_t* bytes, int count) {\n    std::uint32_t h = "
        "2166136261u;\n"
        "    for (int i = 0; i < count; ++i) h = (h ^ static_cast<std::uint8_t>(bytes[i])) * "
        "16777619u;\n    return h;\n}\n"
        "static std::int8_t output[4096];\n";
    std::string calls;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto source = build::inferSource(all[i].graph, core).value();
        const std::string space = "model" + std::to_string(i);
        text += "namespace " + space + " {\nnamespace {\n" + source.text + "}\n}\n";
        const auto& graph = all[i].graph;
        const std::string in =
            std::to_string(nn::byteCount(graph.tensors[static_cast<std::size_t>(graph.inputs[0])]));
        const std::string out = std::to_string(
            nn::byteCount(graph.tensors[static_cast<std::size_t>(graph.outputs[0])]));
        const std::string at = space + "::arena + " + std::to_string(source.inputOffset);
        calls += "    for (std::uint32_t seed = 1; seed <= " + std::to_string(kSeeds) +
                 "; ++seed) {\n        fill(" + at + ", " + in +
                 ", seed);\n        const std::uint32_t before = ticks();\n        " + space +
                 "::infer(" + at +
                 ", output);\n        const std::uint32_t after = ticks();\n        "
                 "print(hash(output, " +
                 out + ")); print(\" \"); print(after - before); print(\"\\n\");\n    }\n";
    }
    return text + "void boardMain() {\n" + calls + "}\n";
}

void compareOnBoard(build::Core core, const std::string& name) {
    const auto all = cases();
    const std::filesystem::path folder = std::string(TINSMITH_BUILD_DIR) + "/on-board-" + name;
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "program.cpp") << program(all, core);
    const auto text = test::runOnBoard(folder / "program.cpp", folder, test::machineOf(core));
    ASSERT_TRUE(text);
    std::istringstream lines(*text);
    for (const Case& c : all) {
        auto runner = nn::Runner::create(c.graph).value();
        std::uint64_t ticks = 0;
        for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
            const auto output = runner.run(test::goldenInput(seed, runner.inputBytes())).value();
            std::uint32_t hash = 0;
            ASSERT_TRUE(lines >> hash >> ticks) << c.name;
            EXPECT_EQ(hash, test::fnv1a(output.data(), output.size()))
                << c.name << " seed " << seed;
        }
        std::printf("%-24s equal, %10llu instructions, %9lld MACs\n", c.name.c_str(),
                    static_cast<unsigned long long>(ticks * 40),
                    static_cast<long long>(nn::macCount(c.graph)));
    }
}

TEST(GeneratedOnBoard, EveryOutputEqualsTheHosts) {
    if (!test::haveBoardTools())
        GTEST_SKIP() << "GeneratedOnBoard.EveryOutputEqualsTheHosts: no cross compiler or emulator";
    compareOnBoard(build::Core::portable, "portable");
    compareOnBoard(build::Core::armv7em, "armv7em");
}

// The whole model.cpp, with names that try to break out, compiles for the board without a warning.
TEST(GeneratedOnBoard, ModelSourceCompiles) {
    if (!test::haveBoardTools())
        GTEST_SKIP() << "GeneratedOnBoard.ModelSourceCompiles: no cross compiler or emulator";
    const test::SampleModel sample({"a\"b", "c\\", "*/ }; #error", "d\n"});
    const auto generated = build::generate(sample.input);
    ASSERT_TRUE(generated) << generated.error().message;
    const std::filesystem::path folder = std::string(TINSMITH_BUILD_DIR) + "/generated-on-board";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "model.cpp") << generated->source;
    EXPECT_TRUE(
        test::quiet("arm-none-eabi-g++ -std=c++20 -Os -Wall -Wextra -Werror -mcpu=cortex-m4 "
                    "-mthumb -fno-exceptions"
                    " -fno-rtti -I" +
                    std::string(TINSMITH_SOURCE_DIR) + " -c " + (folder / "model.cpp").string() +
                    " -o " + (folder / "model.o").string()));
}

}  // namespace
}  // namespace tinsmith
