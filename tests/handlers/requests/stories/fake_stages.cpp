#include "tests/handlers/requests/stories/fake_stages.hpp"

#include <cmath>
#include <fstream>

namespace tinsmith::testing {

namespace fs = std::filesystem;

namespace {

constexpr const char* kBoard = R"(name = "mps2-an386"
clock_hz = 25000000
instructions_per_tick = 40
feature_cost = 1
flash_bytes = 1044480
ram_bytes = 262144
kernels = "portable"
[cycles_per_instruction]
low = 1.4
typical = 1.5
high = 1.8
[platform]
flash_bytes = 80000
image_overhead_bytes = 1536
static_ram_bytes = 35000
stack_bytes = 6144
window_floats = 2048
[toolchain]
compiler = "fake-cc"
compile = ["fake-cc", "model.cpp"]
link = ["fake-ld", "{slot}"]
objcopy = ["fake-objcopy", "{slot}"]
code = ["fake-c"]
size = ["fake-size", "{slot}"]
[emulator]
command = ["fake-emulator", "{flash}", "{boot}", "{log}"]
flash_file_bytes = 16777216
)";

void put(const fs::path& path, const std::string& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

std::string text(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// An ELF32 header with one empty section: a program without code or data.
std::string emptyElf() {
    std::string elf(52 + 40, '\0');
    elf[0] = '\x7f', elf[1] = 'E', elf[2] = 'L', elf[3] = 'F', elf[4] = 1, elf[5] = 1;
    elf[32] = 52;  // section table
    elf[46] = 40;  // bytes an entry
    elf[48] = 1;   // entries
    return elf;
}

Json part(double accuracy) {
    return {{"windows", 100},
            {"correct", static_cast<int>(accuracy * 100)},
            {"accuracy", accuracy},
            {"lower90", accuracy - 0.02},
            {"confusion", Json::array()}};
}

}  // namespace

FakeStages::FakeStages(FakeWorld& world) {
    world.settings.firmwareDir = world.folder.path() / "firmware";
    put(world.settings.firmwareDir / "boards" / "mps2-an386" / "board.toml", kBoard);
    const auto data = world.artefacts.put("the windows");
    world.journal.records[{"dataset", "toy"}] = {
        {"dataset", "toy"},
        {"digest", *data},
        {"card",
         {{"channels", {"x", "y", "z"}},
          {"rate_hz", 50},
          {"window", {{"length", 64}, {"stride", 32}}},
          {"classes", {"a", "b"}},
          {"windows", {{"train", {{"total", 200}}}}},
          {"warnings", {{{"code", "test_shift"}, {"text", "secret of the test part"}}}},
          {"groups", {{"train", {{"count", 5}}}}}}}};
    world.workers.script = [this](const Child& child) { return run(child); };
}

void FakeStages::write(const fs::path& folder, const Json& output) {
    put(folder / "output.json", output.dump());
}

double FakeStages::accuracyOf(const Json& input) const {
    if (ofLook) return ofLook(input["plan"], input.value("fold", 0));
    return ofPlan ? ofPlan(input["plan"]) : validation;
}

std::optional<Result<Exit>> FakeStages::run(const Child& child) {
    const std::string program = fs::path(child.argv[0]).filename();
    const std::string stage = program == "tinsmith-work" ? child.argv[1] : program;
    ++runs[stage];
    if (stage == hangAt) return std::nullopt;
    const fs::path folder = child.folder;
    std::ifstream file(folder / "input.json");
    const Json input = Json::parse(file, nullptr, false);
    if (stage == "tinsmith-train") {
        if (input.contains("fine_tune")) fineTuned.push_back(input);
        trained.push_back(input);
    }
    const bool learns = stage == "tinsmith-train" || stage == "quantize";
    if (learns && fails && fails(input)) {
        write(folder, {{"error", {{"code", "bad_data"}, {"message", "it cannot be done"}}}});
        Exit exit;
        exit.code = 1;
        return Result<Exit>(exit);
    }
    if (stage == "tinsmith-train") {
        put(folder / "network" / "network.json", R"({"layers":[]})");
        put(folder / "network" / "weights.bin", "weights");
        const double planned = input["plan"]["training"].value("epochs", 10);
        const int epochs = static_cast<int>(
            std::lround(input.value("epochs", planned) * input.value("epochs_scale", 1.0)));
        write(folder, {{"network", "network"},
                       {"epochs", epochs},
                       {"best_epoch", epochs},
                       {"validation", part(accuracyOf(input))}});
    } else if (stage == "look") {
        write(folder, {{"text", "seen: " + input["query"].dump()}});
    } else if (stage == "quantize") {
        put(folder / "model.tflite", "tflite");
        put(folder / "outputs-validation.bin", "v");
        put(folder / "outputs-test.bin", "t");
        const Json recipe = input["plan"]["quantization"];
        Json measured = part(accuracyOf(input));
        if (ofRecipe) {
            const auto [accuracy, agreement] = ofRecipe(recipe);
            measured = part(accuracy);
            measured["agreement"] = agreement;
        }
        measured["float_accuracy"] = floatAccuracy;
        put(folder / "model.tflite", "tflite of " + recipe.dump());
        write(folder, {{"tflite", "model.tflite"},
                       {"bytes", 1000},
                       {"ranges", {{"input", {0, 1}}, {"layers", Json::array()}}},
                       {"parts", {{"validation", measured}, {"test", part(test)}}}});
    } else if (stage == "evaluate") {
        write(folder, {{"parts", {{"test", part(test)}}}});
    } else if (stage == "import-model") {
        if (!importError.is_null()) {
            write(folder, {{"error", importError}});
            Exit exit;
            exit.code = 1;
            return Result<Exit>(exit);
        }
        put(folder / "model.tflite", "foreign");
        put(folder / "windows.tsd", "synthetic windows");
        put(folder / "outputs.bin", "o");
        write(folder, {{"tflite", "model.tflite"},
                       {"windows", "windows.tsd"},
                       {"outputs", "outputs.bin"},
                       {"labels", {"yes", "no"}},
                       {"constant_bytes", importedBytes},
                       {"arena_bytes", 500},
                       {"window_bytes", 0},
                       {"operators", {{{"index", 0}, {"op", "SOFTMAX"}}}}});
    } else if (stage == "generate") {
        lastGenerate = parseJson(text(folder / "input.json")).value();
        const Json plan = input.value("plan", Json::object());
        const Json recipe = plan.value("quantization", Json::object());
        const bool perChannel = recipe.value("per_channel", true);
        payload_ = perChannel ? payloadPerChannel : payloadPerTensor;
        put(folder / "model.cpp", "// a model");
        write(folder,
              {{"source", "model.cpp"},
               {"report", {{"macs", 1}, {"constant_bytes", 3000}, {"golden_bytes", 1500}}}});
    } else if (stage == "fake-cc") {
        if (compilerFails) {
            Exit exit;
            exit.code = 1;
            exit.errors = "model.cpp:1: error: nothing here";
            return Result<Exit>(exit);
        }
    } else if (stage == "fake-ld" && overflows > 0) {
        --overflows;
        Exit exit;
        exit.code = 1;
        exit.errors = "ld: region `ROM' overflowed by 1284 bytes";
        return Result<Exit>(exit);
    } else if (stage == "fake-ld") {
        put(folder / ("model-" + child.argv[1] + ".elf"), emptyElf());
    } else if (stage == "fake-objcopy") {
        put(folder / ("model-" + child.argv[1] + ".bin"),
            "payload of " + child.argv[1] + std::string(payload_, 'x'));
    } else if (stage == "preflight-prepare") {
        write(folder, {{"boot", "boot.elf"}, {"windows", 1}, {"runs", Json::array()}});
    } else if (stage == "preflight-check") {
        const Json plan = lastGenerate.value("plan", Json::object());
        const Json error = preflightErrorOf ? preflightErrorOf(plan) : preflightError;
        if (!error.is_null()) {
            write(folder, {{"error", error}});
            Exit exit;
            exit.code = 1;
            return Result<Exit>(exit);
        }
        const std::uint64_t most = instructionsOf ? instructionsOf(plan) : 1100;
        write(folder, {{"slots", Json::object()},
                       {"stack_high_water", 900},
                       {"instructions", {{"total", {{"mean", most * 10 / 11}, {"max", most}}}}}});
    }
    return Result<Exit>(Exit{});
}

}  // namespace tinsmith::testing
