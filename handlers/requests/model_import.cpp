// model import: a .tflite file of somebody else becomes a version like a trained one, but without a
// plan, float weights and an accuracy.
#include <algorithm>

#include "handlers/api/parse.hpp"
#include "handlers/build/board.hpp"
#include "handlers/requests/figures.hpp"
#include "handlers/requests/firmware.hpp"
#include "handlers/requests/release.hpp"
#include "handlers/requests/stage.hpp"
#include "handlers/requests/stories.hpp"

namespace tinsmith {

namespace {

constexpr int kImportUntil = 70;

// The file is foreign: a child reads it and leaves what the later steps need.
Task<Result<Json>> readModel(Job& job, ModelImport request, std::string boardName,
                             plan::BoardLimits limits) {
    World& world = job.world();
    const auto board = build::loadBoard(world.settings.firmwareDir / "boards", boardName);
    if (!board) co_return std::unexpected(board.error());
    Json input = {{"root", world.settings.dataDir.string()},
                  {"path", request.path},
                  {"kernels", board->kernels},
                  {"flash_left", limits.flashLeft()},
                  {"ram_left", limits.ramLeft()}};
    if (!request.labels.empty()) input["labels"] = request.labels;
    Result<Json> output =
        co_await runStage(job, "tinsmith-work", "import-model", input, "import", 0, kImportUntil);
    if (!output) co_return std::unexpected(output.error());
    const std::filesystem::path folder = output->value("folder", "");
    Json result = *output;
    result.erase("folder");
    for (const char* key : {"tflite", "windows", "outputs"}) {
        if (!output->contains(key)) continue;  // it does not fit: checkFit says why
        const auto file = childFile(folder, output->value(key, ""));
        if (!file) co_return std::unexpected(file.error());
        const auto kept = world.artefacts.putFile(*file);
        if (!kept) co_return std::unexpected(kept.error());
        result[key] = *kept;
    }
    co_return result;
}

// What is certain before anything is compiled: constants must fit the flash, tensors and window the
// RAM. The measured image has the last word.
Status checkFit(const plan::BoardLimits& limits, const Json& model) {
    const auto bytes = [&](const char* key) { return model.value(key, std::uint64_t{0}); };
    const auto check = [](const std::string& what, std::uint64_t needed, std::uint64_t platform,
                          std::uint64_t allowed, const std::string& path) -> Status {
        if (platform + needed <= allowed) return {};
        return fail(Code::not_feasible,
                    what + " " + kilobytes(needed) + ", the platform " + kilobytes(platform) +
                        "; " + kilobytes(allowed) + " are allowed",
                    "relax the limit, choose a larger board, or import a smaller network", path);
    };
    if (auto fits = check("the network's constants take", bytes("constant_bytes"),
                          limits.platformFlash, limits.flashBytes, "/limits/flash_kb");
        !fits) {
        return fits;
    }
    return check("the network's tensors and window take",
                 bytes("arena_bytes") + bytes("window_bytes"), limits.platformRam, limits.ramBytes,
                 "/limits/ram_kb");
}

Json originOf(const ModelImport& request, const Json& model) {
    Json origin = {{"kind", "imported"},
                   {"file", request.path},
                   {"proven_with",
                    "synthetic windows: they show that the board computes what the "
                    "gateway computes; no accuracy is known"}};
    for (const char* key : {"bytes", "input", "output", "window", "macs", "constant_bytes",
                            "arena_bytes", "window_bytes", "operators"}) {
        if (model.contains(key)) origin[key] = model[key];
    }
    return origin;
}

}  // namespace

Task<Result<Json>> modelImportStory(Job& job, Fleet& fleet) {
    const auto typed = typedRequest(job.verb(), job.request());
    if (!typed) co_return std::unexpected(typed.error());
    const auto request = std::get<ModelImport>(*typed);
    GoalRequest wanted;
    wanted.model = request.model;
    wanted.board = request.board;
    wanted.limits = request.limits;
    Result<Goal> goal = co_await goalStep(job, wanted);
    if (!goal) co_return std::unexpected(goal.error());

    const Json inputs = {
        {"path", request.path}, {"labels", request.labels}, {"board", goal->board}};
    Result<Json> model = co_await job.step(
        "import", inputs, readModel(job, request, goal->board, goal->limits), Weight::heavy);
    if (!model) co_return std::unexpected(model.error());
    if (auto fits = checkFit(goal->limits, *model); !fits) co_return std::unexpected(fits.error());

    goal->data = model->value("windows", "");
    goal->card["classes"] = (*model)["labels"];
    const Json int8 = {{"tflite", (*model)["tflite"]},
                       {"outputs", {{"validation", (*model)["outputs"]}}}};
    Draft draft{Json::object(), Json::object(), int8, originOf(request, *model)};
    ReleaseWishes wishes{std::nullopt, false};
    Result<Json> released = co_await proveAndRelease(job, fleet, *goal, draft, wishes);
    co_return released;
}

}  // namespace tinsmith
