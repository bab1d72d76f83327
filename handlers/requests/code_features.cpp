#include "handlers/requests/code_features.hpp"

#include <filesystem>
#include <string>

#include "handlers/build/board.hpp"
#include "handlers/build/firmware_build.hpp"
#include "handlers/code/feature_table.hpp"
#include "handlers/code/run_format.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/requests/generated.hpp"
#include "handlers/requests/stage.hpp"
#include "handlers/requests/trials.hpp"

namespace tinsmith {

namespace fs = std::filesystem;

namespace {

// The folder of the table that belongs to this input: everything that its values depend on.
fs::path keptFolder(const Job& job, const Json& seen) {
    Json what = {{"dataset", seen["dataset"]}, {"fold", seen.value("fold", 0)}};
    what["feature"] = seen["plan"]["code"]["feature"];
    for (const char* key : {"windowing", "conditioning"})
        what[key] = seen["plan"].value(key, Json());
    return job.scratch() / ("features-" + sha256Hex(canonical(what)).substr(0, 32));
}

// Compiles and runs the block; the folder of the stage that made the table.
Task<Result<fs::path>> compute(Job& job, Json seen, int percent) {
    constexpr code::Kind kFeature = code::Kind::feature;
    Result<fs::path> program = co_await gatewayProgram(job, seen["plan"], kFeature);
    if (!program) co_return std::unexpected(program.error());
    Result<Json> windows =
        co_await runStage(job, "tinsmith-work", "code-input", seen, "code-input", percent, percent);
    if (!windows) co_return std::unexpected(windows.error());
    const fs::path given = fs::path(windows->value("folder", "")) / code::kRunInputFile;
    Result<fs::path> computed =
        co_await runGenerated(job, kFeature, *program, given, windows->value("outputs", 1));
    if (!computed) co_return std::unexpected(computed.error());
    seen["computed"] = computed->string();
    Result<Json> made = co_await runStage(job, "tinsmith-work", "code-features", seen,
                                          "code-features", percent, percent);
    if (!made) co_return std::unexpected(made.error());
    co_return fs::path(made->value("folder", ""));
}

}  // namespace

Task<Result<Json>> withCodeFeatures(Job& job, Json input, int percent) {
    const Json plan = input.value("plan", Json::object());
    if (!hasCode(plan, code::Kind::feature)) co_return input;
    const Json seen = {
        {"dataset", input["dataset"]}, {"plan", plan}, {"fold", input.value("fold", 0)}};
    const fs::path kept = keptFolder(job, seen);
    input["code_features"] = (kept / code::kTableFile).string();
    std::error_code error;
    if (fs::exists(kept, error)) co_return input;
    Result<fs::path> made = co_await compute(job, seen, percent);
    if (!made) co_return std::unexpected(made.error());
    fs::rename(*made, kept, error);
    if (error) {
        co_return fail(Code::internal, "cannot keep generated features: " + error.message(),
                       "see the daemon's log");
    }
    co_return input;
}

namespace {

// For the board, too: its compiler may warn of something else, and its stack is short.
Task<Status> compileForBoard(Job& job, Goal goal, Json plan) {
    const auto board = build::loadBoard(job.world().settings.firmwareDir / "boards", goal.board);
    if (!board) co_return std::unexpected(board.error());
    const auto tools = build::loadBoardTools(board->folder);
    if (!tools) co_return std::unexpected(tools.error());
    Result<std::map<code::Kind, std::string>> objects =
        co_await boardObjects(job, plan, tools->code);
    if (!objects) co_return std::unexpected(objects.error());
    co_return Status();
}

Task<Result<Json>> check(Job& job, Goal goal, Json plan, int percent) {
    if (hasCode(plan, code::Kind::decision)) {
        Result<fs::path> program = co_await gatewayProgram(job, plan, code::Kind::decision);
        if (!program) co_return std::unexpected(program.error());
    }
    const Status compiled = co_await compileForBoard(job, goal, plan);
    if (!compiled) co_return std::unexpected(compiled.error());
    const Json input = {{"dataset", job.world().artefacts.path(goal.data).string()},
                        {"plan", plan}};
    Result<Json> features = co_await withCodeFeatures(job, input, percent);
    if (!features) co_return std::unexpected(features.error());
    co_return Json::object();
}

}  // namespace

Task<Result<Json>> codeStep(Job& job, Goal goal, Json plan) {
    const Json inputs = {{"code", plan["code"]},
                         {"windowing", plan.value("windowing", Json())},
                         {"conditioning", plan.value("conditioning", Json())},
                         {"data", goal.data},
                         {"board", goal.board}};
    Result<Json> checked = co_await job.step(
        "code", inputs, check(job, goal, plan, percentOf(job, goal)), Weight::heavy);
    co_return checked;
}

}  // namespace tinsmith
