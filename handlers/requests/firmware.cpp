#include "handlers/requests/firmware.hpp"

#include <algorithm>

#include "firmware/app/code.hpp"
#include "firmware/boot/layout.hpp"
#include "firmware/image/image.hpp"
#include "handlers/build/board.hpp"
#include "handlers/build/firmware_build.hpp"
#include "handlers/code/compile.hpp"
#include "handlers/code/run_format.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/preflight/emulate.hpp"
#include "handlers/requests/code_features.hpp"
#include "handlers/requests/figures.hpp"
#include "handlers/requests/generated.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace {

namespace fs = std::filesystem;

constexpr int kBuildFrom = 76;
constexpr int kGenerated = 80;
constexpr int kProven = 91;
constexpr std::uint64_t kSignatureBytes = 144;  // SHA256, KEYHASH and ED25519 TLVs and their header
constexpr std::size_t kCompilerWords = 2000;    // of a compiler's complaint, in an error
constexpr std::size_t kLinkerWords = 200;       // of the linker's, of which the last line counts

std::string tail(const std::string& text, std::size_t most) {
    return text.size() > most ? "…" + text.substr(text.size() - most) : text;
}

template <std::size_t N>
Result<std::array<std::uint8_t, N>> fixedHex(const std::string& hex) {
    const auto bytes = fromHex(hex);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->size() != N) return fail(Code::internal, "a digest has another length: " + hex);
    std::array<std::uint8_t, N> fixed{};
    std::ranges::copy(*bytes, fixed.begin());
    return fixed;
}

// ---- Building
// -------------------------------------------------------------------------------------------------------

// Generates model.cpp; the folder then holds what the compiler needs.
Task<Result<Json>> generate(Job& job, FirmwareSpec spec) {
    World& world = job.world();
    const auto board = build::loadBoard(world.settings.firmwareDir / "boards", spec.goal.board);
    if (!board) co_return std::unexpected(board.error());
    Json input = {{"tflite", world.artefacts.path(spec.quantized.value("tflite", "")).string()},
                  {"dataset", world.artefacts.path(spec.goal.data).string()},
                  {"model", spec.goal.model},
                  {"version", spec.version},
                  {"golden", plan::kGoldenWindows},
                  {"board", spec.goal.board},
                  {"kernels", board->kernels}};
    if (spec.plan.empty()) {
        input["labels"] = spec.goal.card.value("classes", Json::array());
    } else {
        auto network = restoreNetwork(job, spec.network);
        if (!network) co_return std::unexpected(network.error());
        input["plan"] = spec.plan;
        input["network"] = network->string();
    }
    Result<Json> ready = co_await withCodeFeatures(job, input, kBuildFrom);
    if (!ready) co_return std::unexpected(ready.error());
    Result<Json> generated = co_await runStage(job, "tinsmith-work", "generate", *ready, "build",
                                               kBuildFrom, kGenerated);
    co_return generated;
}

Task<Status> compile(Job& job, build::BoardTools tools, fs::path folder,
                     std::vector<std::string> objects) {
    for (const build::Command& command : build::buildCommands(tools, objects)) {
        job.progress(kGenerated, command.step);
        Child child;
        child.argv = command.argv;
        child.folder = folder;
        child.readable = {tools.folder};
        child.cage = Cage::compile;
        child.limits.wallMs = 120'000;
        child.limits.cpuSeconds = 120;
        child.limits.memoryBytes = 2'000'000'000;
        Result<Exit> exit = co_await job.world().workers.run(child, job.token());
        if (!exit) co_return std::unexpected(exit.error());
        if (exit->code == 0 && exit->limit.empty()) continue;
        if (exit->errors.find("overflowed by") != std::string::npos) {
            co_return fail(Code::not_feasible,
                           "the image does not fit the board: " + tail(exit->errors, kLinkerWords),
                           "set limits/flash_kb or limits/ram_kb: the planner then keeps to them");
        }
        const std::string reason = exit->limit.empty() ? "" : " (its " + exit->limit + " limit)";
        co_return fail(
            Code::build_failed,
            command.step + " failed" + reason + ": " + tail(exit->errors, kCompilerWords),
            "check the cross compiler with `tinsmith doctor`");
    }
    co_return Status();
}

Result<Json> wrap(World& world, const FirmwareSpec& spec, const fs::path& folder, int slot) {
    image::ImageSpec wanted;
    const auto payload = readFile(folder / build::kPayloadFiles[slot], boot::kMaxImageSize);
    if (!payload) return std::unexpected(payload.error());
    const auto model = fixedHex<32>(spec.quantized.value("tflite", ""));
    if (!model) return std::unexpected(model.error());
    const auto data = fixedHex<32>(spec.goal.data);
    if (!data) return std::unexpected(data.error());
    wanted.payload.assign(payload->begin(), payload->end());
    wanted.slotBase = boot::slotAddress(static_cast<std::uint8_t>(slot));
    wanted.version.major = 1;
    wanted.version.revision = static_cast<std::uint16_t>(spec.version);
    wanted.securityCounter = spec.counter;
    wanted.modelDigest = *model;
    wanted.dataDigest = *data;
    wanted.board = spec.goal.board;
    const auto unsignedImage = image::build(wanted);
    if (!unsignedImage) {
        return fail(Code::too_large, unsignedImage.error().message, unsignedImage.error().hint);
    }
    const auto kept = world.artefacts.put(
        {reinterpret_cast<const char*>(unsignedImage->data()), unsignedImage->size()});
    if (!kept) return std::unexpected(kept.error());
    return Json{{"board", spec.goal.board},
                {"slot", slot == 0 ? "a" : "b"},
                {"digest", toHex(image::digest(*unsignedImage))},
                {"unsigned", *kept},
                {"bytes", unsignedImage->size()}};
}

Task<Result<Json>> runBuild(Job& job, FirmwareSpec spec) {
    World& world = job.world();
    const auto board = build::loadBoard(world.settings.firmwareDir / "boards", spec.goal.board);
    if (!board) co_return std::unexpected(board.error());
    const auto tools = build::loadBoardTools(board->folder);
    if (!tools) co_return std::unexpected(tools.error());
    Result<Json> generated = co_await generate(job, spec);
    if (!generated) co_return std::unexpected(generated.error());
    const fs::path folder = generated->value("folder", "");
    std::vector<std::string> objects;
    Result<std::map<code::Kind, std::string>> generatedCode =
        co_await boardObjects(job, spec.plan, tools->code);
    if (!generatedCode) co_return std::unexpected(generatedCode.error());
    for (const auto& [kind, object] : *generatedCode) {
        objects.push_back(code::objectFile(kind));
        const Status kept = writeFile(folder / objects.back(), object);
        if (!kept) co_return std::unexpected(kept.error());
    }
    const Status compiled = co_await compile(job, *tools, folder, objects);
    if (!compiled) co_return std::unexpected(compiled.error());

    Json images = Json::array();
    std::uint64_t flash = 0;
    std::uint64_t ram = 0;
    for (int slot = 0; slot < 2; ++slot) {
        const auto sizes = build::elfSizes(folder / build::kElfFiles[slot]);
        if (!sizes) co_return std::unexpected(sizes.error());
        flash = std::max(flash, sizes->flash);
        ram = std::max(ram, sizes->ram);
        const auto image = wrap(world, spec, folder, slot);
        if (!image) co_return std::unexpected(image.error());
        images.push_back(*image);
    }
    co_return Json{{"images", images},
                   {"flash_bytes", flash},
                   {"ram_bytes", ram},
                   {"report", generated->value("report", Json::object())}};
}

}  // namespace

std::uint64_t signedImageBytes(const Json& built) {
    std::uint64_t most = 0;
    for (const Json& image : built.value("images", Json::array())) {
        most = std::max(most, image.value("bytes", std::uint64_t{0}) + kSignatureBytes);
    }
    return most;
}

Task<Result<Json>> buildStep(Job& job, FirmwareSpec spec) {
    const Json inputs = {{"plan", spec.plan},
                         {"tflite", spec.quantized.value("tflite", "")},
                         {"weights", spec.network.value("weights", "")},
                         {"data", spec.goal.data},
                         {"version", spec.version},
                         {"counter", spec.counter},
                         {"board", spec.goal.board}};
    Result<Json> built = co_await job.step("build", inputs, runBuild(job, spec), Weight::heavy);
    co_return built;
}

// ---- Preflight
// --------------------------------------------------------------------------------------------------------

namespace {

// Runs the windows of one part on both slots and compares every output.
Task<Result<Json>> provePart(Job& job, FirmwareSpec spec, build::Board board, Json built,
                             std::string part, int from, int to) {
    World& world = job.world();
    Json images = Json::object();
    for (const Json& image : built.value("images", Json::array())) {
        images[image.value("slot", "")] =
            world.artefacts.path(image.value("unsigned", "")).string();
    }
    const Json outputs = spec.quantized.value("outputs", Json::object());
    Json prepareInput = {
        {"boot", (board.folder / "boot.elf").string()},
        {"images", images},
        {"tflite", world.artefacts.path(spec.quantized.value("tflite", "")).string()},
        {"dataset", world.artefacts.path(spec.goal.data).string()},
        {"part", part},
        {"outputs", world.artefacts.path(outputs.value(part, "")).string()},
        {"instructions_per_tick", board.instructionsPerTick}};
    if (spec.plan.contains("windowing")) prepareInput["windowing"] = spec.plan["windowing"];
    if (hasCode(spec.plan, code::Kind::decision)) prepareInput["decision"] = true;
    if (hasCode(spec.plan, code::Kind::feature)) prepareInput["plan"] = spec.plan;
    Result<Json> ready = co_await withCodeFeatures(job, prepareInput, from);
    if (!ready) co_return std::unexpected(ready.error());
    const std::string name = "preflight-" + part;
    Result<Json> prepared =
        co_await runStage(job, "tinsmith-work", "preflight-prepare", *ready, name, from, from);
    if (!prepared) co_return std::unexpected(prepared.error());
    Json checkInput = {{"prepared", prepared->value("folder", "")}};
    if (hasCode(spec.plan, code::Kind::decision)) {
        // Before the emulator may write there.
        Result<fs::path> program = co_await gatewayProgram(job, spec.plan, code::Kind::decision);
        if (!program) co_return std::unexpected(program.error());
        const fs::path given = fs::path(prepared->value("folder", "")) / code::kRunInputFile;
        Result<fs::path> decided =
            co_await runGenerated(job, code::Kind::decision, *program, given, 1);
        if (!decided) co_return std::unexpected(decided.error());
        checkInput["decided"] = decided->string();
    }
    preflight::EmulateSpec emulation;
    emulation.command = board.emulator;
    emulation.folder = prepared->value("folder", "");
    emulation.prepared = *prepared;
    Job* const reporter = &job;
    const auto progress = [reporter, from, to](int percent, std::string text) {
        reporter->progress(from + percent * (to - from) / 100, std::move(text));
    };
    const Status ran = co_await preflight::emulate(world, emulation, progress, job.token());
    if (!ran) co_return std::unexpected(ran.error());
    Result<Json> checked = co_await runStage(job, "tinsmith-work", "preflight-check", checkInput,
                                             name + "-check", to, to);
    if (!checked) co_return std::unexpected(checked.error());
    checked->erase("folder");
    co_return checked;
}

Task<Result<Json>> prove(Job& job, FirmwareSpec spec, Json built) {
    const auto board =
        build::loadBoard(job.world().settings.firmwareDir / "boards", spec.goal.board);
    if (!board) co_return std::unexpected(board.error());
    const int half = (kGenerated + kProven) / 2;
    Result<Json> validation =
        co_await provePart(job, spec, *board, built, "validation", kGenerated, half);
    if (!validation) co_return std::unexpected(validation.error());
    // An imported network has one part of synthetic windows.
    const bool imported = spec.plan.empty();
    Json proof;
    proof[imported ? "synthetic" : "validation"] = validation->value("slots", Json::object());
    Result<Json> last = validation;
    if (!imported) {
        last = co_await provePart(job, spec, *board, built, "test", half, kProven);
        if (!last) co_return std::unexpected(last.error());
        proof["test"] = last->value("slots", Json::object());
    }

    const Json instructions = last->value("instructions", Json::object());
    const auto mean = [&](const char* what) {
        return instructions.value(what, Json::object()).value("mean", std::uint64_t{0});
    };
    const auto maximum = [&](const Json& part, const char* what) {
        const Json all = part.value("instructions", Json::object());
        return all.value(what, Json::object()).value("max", std::uint64_t{0});
    };
    const std::uint64_t most = maximum(*last, "total");
    // The guard goes by the clock, which the emulated core outruns: an instruction takes a
    // nanosecond there.
    const std::uint64_t code = std::max(maximum(*validation, "code"), maximum(*last, "code"));
    const double codeMs = plan::latencyOf(code, board->speed).high;
    if (codeMs > app::kCodeLimitMs) {
        co_return fail(Code::preflight_failed,
                       "the generated code takes up to " + milliseconds(codeMs) +
                           " a call on the board, " + std::to_string(app::kCodeLimitMs) +
                           " ms are allowed",
                       "bound its loops, or do less in each");
    }
    const auto stack = std::max(validation->value("stack_high_water", std::uint64_t{0}),
                                last->value("stack_high_water", std::uint64_t{0}));
    // The deepest stack of the platform (an update being verified) is not seen in preflight;
    // board.toml has it.
    const std::uint64_t ram =
        built.value("ram_bytes", std::uint64_t{0}) + std::max(stack, board->platformStack);
    proof.update(
        {{"instructions",
          {{"features", mean("features")},
           {"inference", mean("inference")},
           {"total", mean("total")},
           {"max", most}}},
         {"stack_bytes", stack},
         {"ram_bytes", ram},
         {"platform", {{"flash_bytes", board->platformFlash}, {"ram_bytes", board->platformRam}}}});
    plan::addLatency(proof, plan::latencyOf(most, board->speed));
    co_return proof;
}

}  // namespace

Task<Result<Json>> preflightStep(Job& job, FirmwareSpec spec, Json built) {
    const Json inputs = {{"images", built.value("images", Json::array())},
                         {"data", spec.goal.data}};
    Result<Json> proven =
        co_await job.step("preflight", inputs, prove(job, spec, built), Weight::heavy);
    co_return proven;
}

Status checkLimits(const plan::BoardLimits& limits, const Json& measured) {
    const std::string hint =
        "relax the limit, or use regenerate with it: the planner then sees a smaller budget";
    struct Memory {
        const char* who;
        const char* what;
        const char* figure;
        std::uint64_t allowed;
        const char* path;
    };
    for (const Memory& memory :
         {Memory{"the built image", "flash", "image_bytes", limits.flashBytes, "/limits/flash_kb"},
          Memory{"the application", "RAM", "ram_bytes", limits.ramBytes, "/limits/ram_kb"}}) {
        const auto need = measured.value(memory.figure, std::uint64_t{0});
        if (need <= memory.allowed) continue;
        return fail(Code::not_feasible,
                    std::string(memory.who) + " takes " + kilobytes(need) + " of " + memory.what +
                        ", " + kilobytes(memory.allowed) + " are allowed",
                    hint, memory.path);
    }
    const plan::Latency latency = plan::latencyFromJson(measured);
    if (limits.latencyMs > 0 && latency.high > limits.latencyMs) {
        return fail(Code::not_feasible,
                    "a window takes an estimated " + milliseconds(latency.low) + " to " +
                        milliseconds(latency.high) + ", " + milliseconds(limits.latencyMs) +
                        " are allowed",
                    hint, "/limits/latency_ms");
    }
    return {};
}

}  // namespace tinsmith
