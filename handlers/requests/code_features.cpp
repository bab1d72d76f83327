#include "handlers/requests/code_features.hpp"

#include <filesystem>
#include <string>

#include "handlers/code/run_format.hpp"
#include "handlers/requests/generated.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace fs = std::filesystem;

Task<Result<Json>> withCodeFeatures(Job& job, Json input, int percent) {
    constexpr code::Kind kFeature = code::Kind::feature;
    const Json plan = input.value("plan", Json::object());
    if (!hasCode(plan, kFeature)) co_return input;
    Result<fs::path> program = co_await gatewayProgram(job, plan, kFeature);
    if (!program) co_return std::unexpected(program.error());
    Json seen = {{"dataset", input["dataset"]}, {"plan", plan}};
    if (input.contains("fold")) seen["fold"] = input["fold"];
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
    const fs::path folder = made->value("folder", "");
    input["code_features"] = (folder / made->value("table", "")).string();
    co_return input;
}

Task<Result<Json>> checkGenerated(Job& job, Json plan, std::string data, int percent) {
    constexpr code::Kind kRule = code::Kind::decision;
    if (hasCode(plan, kRule)) {
        Result<fs::path> program = co_await gatewayProgram(job, plan, kRule);
        if (!program) co_return std::unexpected(program.error());
    }
    const Json input = {{"dataset", job.world().artefacts.path(data).string()}, {"plan", plan}};
    Result<Json> features = co_await withCodeFeatures(job, input, percent);
    if (!features) co_return std::unexpected(features.error());
    co_return Json::object();
}

}  // namespace tinsmith
