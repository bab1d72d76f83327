// What a kernel says about its output over its input, taken at its word: single operators on the
// emulated board, each output at the two furthest places behind its input's begin
// where the generator may put it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>

#include "firmware/nn/run.hpp"
#include "handlers/build/step_source.hpp"
#include "tests/handlers/build/board_program.hpp"
#include "tests/handlers/build/random_layer.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith {
namespace {

using test::BoardNetwork;

constexpr int kSeeds = 2;

BoardNetwork singleOperator(std::mt19937& random, int number) {
    test::RandomLayer layer(random);
    switch (number % 8) {
        case 0:
            layer.sum();
            break;
        case 1:
            layer.function();
            break;
        case 2:
        case 3:
            layer.convolution(false);
            break;
        case 4:
        case 5:
            layer.pool();
            break;
        default:
            layer.convolution(true);
            break;
    }
    return {std::string(nn::opName(layer.graph.operators[0].op)) + " " + std::to_string(number),
            std::move(layer.graph)};
}

std::int64_t bytesOf(const nn::Graph& graph, std::int32_t tensor) {
    return nn::byteCount(graph.tensors[static_cast<std::size_t>(tensor)]);
}

// The operator with its output over its input number `over`, `back` steps before the furthest
// place; the output is the one that is kept.
build::InferSource overlapping(const nn::Graph& graph, const nn::Step& step,
                               const build::StepSource& source, std::size_t over, int back) {
    const std::int64_t rest = *source.outputFrom % source.outputStep;
    const std::int64_t apart = *source.outputFrom - (rest < 0 ? rest + source.outputStep : rest) -
                               back * source.outputStep;
    build::InferSource result;
    // The inputs begin in the middle: an output may begin before them.
    const std::int64_t before = std::max<std::int64_t>(0, -apart);
    result.inputOffset = before;
    std::vector<std::string> inputs;
    std::int64_t end = before;
    std::int64_t output = 0;
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
        if (i == over) output = end + apart;
        inputs.push_back("arena + " + std::to_string(end));
        end += bytesOf(graph, step.inputs[i]);
    }
    const std::int64_t outputBytes = bytesOf(graph, step.output);
    result.arenaBytes = std::max(end, output + outputBytes);
    result.text = source.constants + "alignas(8) std::int8_t arena[" +
                  std::to_string(result.arenaBytes) + "];\nalignas(8) std::int8_t scratch[" +
                  std::to_string(std::max<std::int64_t>(source.scratchBytes, 1)) +
                  "];\nvoid infer(const std::int8_t*, std::int8_t*) {\n" +
                  build::placed(source, inputs, "arena + " + std::to_string(output), "scratch") +
                  "    asm volatile(\"\" : : \"r\"(scratch) : \"memory\");\n}\n";
    result.operators = {{{"offset", output}, {"bytes", outputBytes}}};
    return result;
}

void checkCore(build::Core core, const std::string& name, std::size_t atLeast) {
    std::mt19937 random(5);
    std::vector<BoardNetwork> networks;
    std::vector<build::InferSource> sources;
    std::map<std::string, int> kernels;
    for (int i = 0; i < 240; ++i) {
        const BoardNetwork network = singleOperator(random, i);
        const auto step = nn::prepare(network.graph).value().front();
        auto source = core == build::Core::armv7em ? build::armv7emSource(step) : std::nullopt;
        if (!source) source = build::portableSource(step);
        if (!source->outputFrom) continue;
        for (std::size_t over = 0; over < step.inputs.size(); ++over) {
            // One step before a second input lies the end of the first, which is still read.
            for (int back = 0; back <= (over == 0 ? 1 : 0); ++back) {
                networks.push_back(network);
                sources.push_back(overlapping(network.graph, step, *source, over, back));
                ++kernels[source->kernel];
            }
        }
    }
    for (const auto& [kernel, count] : kernels) std::printf("%s %d  ", kernel.c_str(), count);
    std::printf("\n");
    EXPECT_GE(kernels.size(), atLeast);
    const auto runs = test::runOnBoard(networks, sources, kSeeds, true, "overlap-" + name);
    ASSERT_EQ(runs.size(), networks.size());
    for (std::size_t i = 0; i < networks.size(); ++i) {
        auto runner = nn::Runner::create(networks[i].graph).value();
        for (int seed = 1; seed <= kSeeds; ++seed) {
            const auto output =
                runner.run(test::goldenInput(static_cast<std::uint32_t>(seed), runner.inputBytes()))
                    .value();
            EXPECT_EQ(runs[i][static_cast<std::size_t>(seed - 1)].operators.at(0),
                      test::fnv1a(output.data(), output.size()))
                << networks[i].name << " seed " << seed;
        }
    }
}

TEST(Overlap, OutputsAtTheFurthestPlacesAreEqual) {
    if (!test::haveBoardTools())
        GTEST_SKIP() << "Overlap.OutputsAtTheFurthestPlacesAreEqual: no cross compiler or emulator";
    checkCore(build::Core::armv7em, "armv7em", 15);
    checkCore(build::Core::portable, "portable", 3);
}

}  // namespace
}  // namespace tinsmith
