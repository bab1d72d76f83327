// A program for the emulated board that runs generated networks on the inputs of the golden vectors
// and prints FNV-1a of what they yield, and what each run took.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "handlers/build/infer_source.hpp"
#include "tests/firmware/nn/board/emulator.hpp"

namespace tinsmith::test {

struct BoardNetwork {
    std::string name;
    nn::Graph graph;
};

// What a run of one network with one seed printed.
struct BoardRun {
    std::vector<std::uint32_t> operators;  // hash of each operator's output; only where kept
    std::uint32_t output = 0;              // hash of the final output
    std::uint64_t instructions = 0;        // of the whole inference
};

inline std::string boardProgram(const std::vector<BoardNetwork>& networks,
                                const std::vector<build::InferSource>& sources, int seeds,
                                bool keepOutputs) {
    std::string text =
        "#include \"firmware/nn/kernels.hpp\"\n"
        "#include \"firmware/nn/cores/armv7em/kernels.hpp\"\n"
        "#include \"tests/firmware/nn/board/startup.hpp\"\n"
        "namespace nn = tinsmith::nn;\n"
        "static void fill(std::int8_t* to, int bytes, std::uint32_t x) {\n"
        "    for (int i = 0; i < bytes; ++i) { x ^= x << 13; x ^= x >> 17; x ^= x << 5; "
        "to[i] = static_cast<std::int8_t>(x); }\n}\n"
        "static void hash(const std::int8_t* bytes, int count) {\n"
        "    std::uint32_t h = 2166136261u;\n"
        "    for (int i = 0; i < count; ++i) h = (h ^ static_cast<std::uint8_t>(bytes[i])) * "
        "16777619u;\n    print(h);\n    print(\" \");\n}\n"
        "static std::int8_t output[65536];\n";
    std::string calls;
    for (std::size_t i = 0; i < networks.size(); ++i) {
        const build::InferSource& source = sources[i];
        const std::string space = "model" + std::to_string(i);
        text += "namespace " + space + " {\nnamespace {\n" + source.text + "}\n}\n";
        const auto bytes = [&](std::int32_t tensor) {
            const auto& tensors = networks[i].graph.tensors;
            return std::to_string(nn::byteCount(tensors[static_cast<std::size_t>(tensor)]));
        };
        const std::string in = space + "::arena + " + std::to_string(source.inputOffset);
        std::string inputBytes = "0";
        for (const std::int32_t input : networks[i].graph.inputs)
            inputBytes += " + " + bytes(input);
        calls += "    for (std::uint32_t seed = 1; seed <= " + std::to_string(seeds) +
                 "; ++seed) {\n        fill(" + in + ", " + inputBytes +
                 ", seed);\n        const std::uint32_t before = ticks();\n        " + space +
                 "::infer(" + in + ", output);\n        const std::uint32_t after = ticks();\n";
        for (const Json& op : source.operators) {
            if (!keepOutputs) continue;
            const std::string at = op["offset"].is_null()
                                       ? std::string("output")
                                       : space + "::arena + " + op["offset"].dump();
            calls += "        hash(" + at + ", " + op["bytes"].dump() + ");\n";
        }
        calls += "        hash(output, " + bytes(networks[i].graph.outputs[0]) +
                 ");\n        print(after - before);\n        print(\"\\n\");\n    }\n";
    }
    return text + "void boardMain() {\n" + calls + "}\n";
}

// A board that has these kernels: the portable ones are a Cortex-M3's.
inline const Machine& machineOf(build::Core core) {
    return core == build::Core::armv7em ? kCortexM4 : kCortexM3;
}

// Network by network, seed by seed. Empty where compiler or emulator failed; both print why.
inline std::vector<std::vector<BoardRun>> runOnBoard(const std::vector<BoardNetwork>& networks,
                                                     const std::vector<build::InferSource>& sources,
                                                     int seeds, bool keepOutputs,
                                                     const std::string& folderName,
                                                     const Machine& machine = kCortexM4) {
    const std::filesystem::path folder = std::string(TINSMITH_BUILD_DIR) + "/" + folderName;
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "program.cpp") << boardProgram(networks, sources, seeds, keepOutputs);
    const auto text = runOnBoard(folder / "program.cpp", folder, machine);
    if (!text) return {};
    std::istringstream words(*text);
    std::vector<std::vector<BoardRun>> runs;
    for (const build::InferSource& source : sources) {
        std::vector<BoardRun> all(static_cast<std::size_t>(seeds));
        for (BoardRun& run : all) {
            run.operators.resize(keepOutputs ? source.operators.size() : 0);
            for (std::uint32_t& hash : run.operators) words >> hash;
            words >> run.output >> run.instructions;
            run.instructions *= 40;  // a tick of the board's timer
        }
        runs.push_back(std::move(all));
    }
    return words ? runs : std::vector<std::vector<BoardRun>>{};
}

// With the core's kernels wherever there are some, small odd layers above all.
inline std::vector<std::vector<BoardRun>> runOnBoard(const std::vector<BoardNetwork>& networks,
                                                     build::Core core, int seeds, bool keepOutputs,
                                                     const std::string& folderName) {
    std::vector<build::InferSource> sources;
    for (const BoardNetwork& network : networks) {
        sources.push_back(
            build::inferSource(network.graph, core, keepOutputs, build::Parameters::fast).value());
    }
    return runOnBoard(networks, sources, seeds, keepOutputs, folderName, machineOf(core));
}

}  // namespace tinsmith::test
