// int8 inference on the emulated board: the reference models beside the repository, instruction by
// instruction, next to TensorFlow Lite Micro with CMSIS-NN as measured there in the same way.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>

#include "bench/bench.hpp"
#include "firmware/nn/run.hpp"
#include "handlers/build/infer_source.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/firmware/nn/board/emulator.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith::bench {

namespace {

constexpr const char* kModels[] = {"kws_ref_model", "pretrainedResnet_quant", "vww_96_int8",
                                   "ad01_int8"};
constexpr int kStackPainted = 8192;
constexpr std::uint64_t kPerTick = 40;

// Instructions of each operator of a model in TensorFlow Lite Micro with CMSIS-NN, as the baseline
// file lists them for two of the models.
std::map<int, std::uint64_t> cmsisOperators(const std::string& model) {
    std::ifstream file(test::sharedModels() / ".." / "INT8_BASELINE.md");
    std::map<int, std::uint64_t> found;
    bool here = false;
    for (std::string line; std::getline(file, line);) {
        const auto cmsis = line.find(" cmsis=");
        if (line.find(": total cmsis ") != std::string::npos)
            here = line.starts_with(model + ":");
        else if (here && cmsis != std::string::npos)
            found[std::atoi(line.c_str())] = std::strtoull(line.c_str() + cmsis + 7, nullptr, 10);
    }
    return found;
}

// infer() with the time of each call noted; as it is where `source` is null, to see what the rest
// of the program takes.
std::string program(const build::InferSource* source, const nn::Graph& graph, bool timed) {
    const auto bytes = [&](std::int32_t tensor) {
        return std::to_string(nn::byteCount(graph.tensors[static_cast<std::size_t>(tensor)]));
    };
    std::string text =
        (source != nullptr ? source->includes : "#include \"firmware/nn/kernels.hpp\"\n") +
        "#include \"tests/firmware/nn/board/startup.hpp\"\nnamespace nn = tinsmith::nn;\n"
        "static std::uint32_t marks[256];\nstatic int marked = 0;\n"
        "namespace {\n";
    if (source == nullptr) {
        text += "std::int8_t arena[8];\nvoid infer(const std::int8_t*, std::int8_t*) {}\n";
    } else {
        std::istringstream lines(source->text);
        for (std::string line; std::getline(lines, line);) {
            text += line + "\n";
            if (timed && line.starts_with("    nn::")) text += "    marks[marked++] = ticks();\n";
        }
    }
    const std::int64_t at = source != nullptr ? source->inputOffset : 0;
    const std::string in = source != nullptr ? bytes(graph.inputs[0]) : "8";
    const std::string paint = std::to_string(kStackPainted);
    return text + "}\nstatic std::int8_t output[" + bytes(graph.outputs[0]) +
           "];\nvoid boardMain() {\n    std::uint32_t x = 1;\n    std::int8_t* const input = arena "
           "+ " +
           std::to_string(at) + ";\n    for (int i = 0; i < " + in +
           "; ++i) { x ^= x << 13; x ^= x >> 17; x ^= x << 5; input[i] = "
           "static_cast<std::int8_t>(x); }\n"
           "    unsigned char* top;\n    asm volatile(\"mov %0, sp\" : \"=r\"(top));\n"
           "    volatile unsigned char* const bottom = top - " +
           paint + ";\n    for (int i = 0; i < " + paint +
           " - 64; ++i) bottom[i] = 0xa5;\n"
           "    const std::uint32_t before = ticks();\n    infer(input, output);\n"
           "    const std::uint32_t after = ticks();\n    int clean = 0;\n    while (clean < " +
           paint +
           " - 64 && bottom[clean] == 0xa5) ++clean;\n    print(after - before);\n"
           "    print(\" \");\n    print(static_cast<std::uint32_t>(" +
           paint +
           " - clean));\n    std::uint32_t last = before;\n"
           "    for (int i = 0; i < marked; ++i) { print(\" \"); print(marks[i] - last); last = "
           "marks[i]; }\n    print(\"\\n\");\n}\n";
}

struct Ran {
    std::vector<std::uint64_t> numbers;  // total ticks, stack, ticks of each call
    std::uint64_t flash = 0;             // .text and .data of the program
};

Ran run(const std::string& text, const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "program.cpp") << text;
    const auto printed = test::runOnBoard(folder / "program.cpp", folder);
    if (!printed) throw std::runtime_error("the cross compiler or the emulator failed");
    Ran ran;
    std::istringstream words(*printed);
    for (std::uint64_t number = 0; words >> number;) ran.numbers.push_back(number);
    if (ran.numbers.size() < 2) throw std::runtime_error("the board printed " + *printed);
    const std::string sizes = (folder / "sizes").string();
    if (!test::quiet("arm-none-eabi-size " + (folder / "program.elf").string() + " > " + sizes +
                     " 2>&1; test -s " + sizes)) {
        throw std::runtime_error("arm-none-eabi-size failed");
    }
    std::ifstream file(sizes);
    std::string heading;
    std::getline(file, heading);
    std::uint64_t code = 0;
    std::uint64_t data = 0;
    file >> code >> data;
    ran.flash = code + data;
    return ran;
}

void printOperators(const build::InferSource& source, const Ran& timed, const std::string& model) {
    const auto cmsis = cmsisOperators(model);
    std::printf("   %2s %-18s %-22s %9s %10s %6s %6s %8s %8s %8s\n", "", "operator", "kernel",
                "MACs", "instr.", "MAC/i", "CMSIS", "offset", "bytes", "scratch");
    std::size_t call = 2;
    for (const Json& op : source.operators) {
        if (op["kernel"].is_null()) continue;
        const auto macs = op["macs"].get<double>();
        const double instructions =
            call < timed.numbers.size() ? static_cast<double>(timed.numbers[call] * kPerTick) : 0;
        ++call;
        const auto theirs = cmsis.find(op["index"].get<int>());
        char other[16] = "-";
        if (theirs != cmsis.end() && macs > 0)
            std::snprintf(other, sizeof other, "%.2f", macs / static_cast<double>(theirs->second));
        std::printf("   %2d %-18s %-22s %9.0f %10.0f %6.2f %6s %8s %8s %8s\n",
                    op["index"].get<int>(), op["op"].get<std::string>().c_str(),
                    op["kernel"].get<std::string>().c_str(), macs, instructions,
                    instructions > 0 ? macs / instructions : 0, other,
                    op["offset"].is_null() ? "output" : op["offset"].dump().c_str(),
                    op["bytes"].dump().c_str(), op["scratch"].dump().c_str());
    }
}

void measure(const std::string& model, const nn::Graph& graph,
             const std::filesystem::path& folder) {
    const auto source = build::inferSource(graph, build::Core::armv7em);
    if (!source) throw std::runtime_error(model + ": " + source.error().message);
    const Ran whole = run(program(&*source, graph, false), folder);
    const Ran empty = run(program(nullptr, graph, false), folder);
    const Ran timed = run(program(&*source, graph, true), folder);

    std::printf("\n%s\n", model.c_str());
    printOperators(*source, timed, model);
    const double parameters = static_cast<double>(source->constantBytes);
    const double stack = static_cast<double>(whole.numbers[1]);
    report(model + ", instructions", static_cast<double>(whole.numbers[0] * kPerTick), 0, "");
    report(model + ", runtime flash (without parameters, start-up, I/O)",
           static_cast<double>(whole.flash) - static_cast<double>(empty.flash) - parameters, 0,
           "bytes");
    const auto fast =
        build::inferSource(graph, build::Core::armv7em, false, build::Parameters::fast);
    report(model + ", parameters", parameters, 0, "bytes");
    report(model + ", parameters where speed counts for more",
           fast ? static_cast<double>(fast->constantBytes) : 0, 0, "bytes");
    report(model + ", RAM (tensors, scratch, stack above 1000)",
           static_cast<double>(source->arenaBytes) + (stack > 1000 ? stack - 1000 : 0), 0, "bytes");
    report(model + ", stack", stack, 0, "bytes");
}

// The same file through a whole Tinsmith: from .tflite to a signed image for both slots. Proving it
// on the emulated board is counted apart.
void measureImport(e2e::House& house, e2e::Client& client, const std::string& model,
                   const std::filesystem::path& tflite) {
    const std::string file = model + ".tflite";
    std::filesystem::copy_file(tflite, house.dataDir() / file);
    const Steps steps(client);
    const Json job =
        succeed(client, "model", {{"action", "import"}, {"model", model}, {"path", file}}, 180);
    double made = 0;
    double proven = 0;
    for (const auto& [step, seconds] : steps.of(job.value("job", "")))
        (step == "preflight" ? proven : made) += seconds;
    report(model + ", from .tflite to signed image", made, 2, "s");
    report(model + ", proof on the board", proven, 2, "s");
    const Json measured = job.value("result", Json::object()).value("measured", Json::object());
    report(model + ", whole signed image", measured.at("image_bytes").get<double>(), 0, "bytes");
    report(model + ", whole application, RAM", measured.at("ram_bytes").get<double>(), 0, "bytes");
}

}  // namespace

void nn(const Options&) {
    if (!test::haveModels())
        throw std::runtime_error("the reference models are not there: ../shared/models");
    const std::filesystem::path folder = std::string(TINSMITH_BUILD_DIR) + "/bench-nn";
    e2e::House house;
    const auto client = house.client();
    std::vector<NamedModel> models;
    for (const char* name : kModels)
        models.push_back({name, test::sharedModels() / (std::string(name) + ".tflite")});
    const std::filesystem::path own = house.folder() / "own";
    std::filesystem::create_directories(own);
    for (NamedModel& model : makeOwnModels(own)) models.push_back(std::move(model));
    for (const NamedModel& model : models) {
        const auto graph = quantize::loadTflite(model.tflite);
        if (!graph) throw std::runtime_error(model.name + ": " + graph.error().message);
        measure(model.name, *graph, folder);
        measureImport(house, *client, model.name, model.tflite);
        if (interrupted()) return;
    }
}

}  // namespace tinsmith::bench
