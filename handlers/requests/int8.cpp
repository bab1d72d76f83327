#include "handlers/requests/int8.hpp"

#include "handlers/flow/files.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/requests/code_features.hpp"
#include "handlers/requests/rule.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace {

// Progress of a whole job, in percent.
constexpr int kInt8From = 70;
constexpr int kInt8Until = 75;

// Trains on from what the quantise stage prepared in its folder; {"network": folder, "ranges"}.
Task<Result<Json>> fineTune(Job& job, Goal goal, Json plan, Json calibrated, int from, int to,
                            int fold) {
    const Json recipe = plan.value("quantization", Json::object());
    const std::filesystem::path folder = calibrated.value("folder", "");
    const Json input = {
        {"dataset", job.world().artefacts.path(goal.data).string()},
        {"plan", plan},
        {"seed", goal.seed},
        {"fold", fold},
        {"epochs", recipe.value("fine_tune_epochs", 1)},
        {"start", (folder / "start").string()},
        {"fine_tune",
         {{"ranges", calibrated["ranges"]}, {"per_channel", recipe.value("per_channel", true)}}}};
    Result<Json> ready = co_await withCodeFeatures(job, input, from);
    if (!ready) co_return std::unexpected(ready.error());
    Result<Json> trained =
        co_await runStage(job, "tinsmith-train", "", *ready, "fine-tune", from, to);
    if (!trained) co_return std::unexpected(trained.error());
    const std::filesystem::path made = trained->value("folder", "");
    co_return Json{{"network", (made / trained->value("network", "network")).string()},
                   {"ranges", calibrated["ranges"]}};
}

}  // namespace

Task<Result<Json>> toInt8(Job& job, Goal goal, Json plan, std::filesystem::path network, Json parts,
                          int percentFrom, int percentTo, int fold) {
    const Json given = {{"dataset", job.world().artefacts.path(goal.data).string()},
                        {"plan", plan},
                        {"network", network.string()},
                        {"fold", fold}};
    Result<Json> ready = co_await withCodeFeatures(job, given, percentFrom);
    if (!ready) co_return std::unexpected(ready.error());
    Json input = *ready;
    const Json recipe = plan.value("quantization", Json::object());
    if (recipe.value("fine_tune_epochs", 0) > 0) {
        Result<Json> calibrated = co_await runStage(job, "tinsmith-work", "quantize", input,
                                                    "calibrate", percentFrom, percentFrom);
        if (!calibrated) co_return std::unexpected(calibrated.error());
        Result<Json> tuned =
            co_await fineTune(job, goal, plan, *calibrated, percentFrom, percentTo, fold);
        if (!tuned) co_return std::unexpected(tuned.error());
        input.update(*tuned);
        input["reference"] = network.string();
    }
    input["evaluate"] = parts;
    Result<Json> made =
        co_await runStage(job, "tinsmith-work", "quantize", input, "int8", percentFrom, percentTo);
    if (!made) co_return std::unexpected(made.error());
    Result<Json> ruled = co_await withRule(job, goal, plan, *made, percentTo, fold);
    co_return ruled;
}

namespace {

Task<Result<Json>> runQuantize(Job& job, Goal goal, Json plan, Json network) {
    auto folder = restoreNetwork(job, network);
    if (!folder) co_return std::unexpected(folder.error());
    const Json parts = Json::array({"validation", "test"});
    Result<Json> output = co_await toInt8(job, goal, plan, *folder, parts, kInt8From, kInt8Until);
    if (!output) co_return std::unexpected(output.error());
    const std::filesystem::path made = output->value("folder", "");
    Artefacts& artefacts = job.world().artefacts;
    auto tflite = artefacts.putFile(made / "model.tflite");
    auto validation = artefacts.putFile(made / "outputs-validation.bin");
    auto test = artefacts.putFile(made / "outputs-test.bin");
    for (const auto* kept : {&tflite, &validation, &test}) {
        if (!*kept) co_return std::unexpected(kept->error());
    }
    Json result = *output;
    result.erase("folder");
    result["tflite"] = *tflite;
    result["outputs"] = {{"validation", *validation}, {"test", *test}};
    co_return result;
}

}  // namespace

Result<std::filesystem::path> restoreNetwork(Job& job, const Json& network) {
    auto folder = job.folder("network");
    if (!folder) return folder;
    auto weights = job.world().artefacts.read(network.value("weights", ""));
    if (!weights) return std::unexpected(weights.error());
    if (auto wrote = writeFile(*folder / "weights.bin", *weights); !wrote) {
        return std::unexpected(wrote.error());
    }
    const std::string text = canonical(network.value("network_json", Json::object()));
    if (auto wrote = writeFile(*folder / "network.json", text); !wrote) {
        return std::unexpected(wrote.error());
    }
    return folder;
}

Task<Result<Json>> quantize(Job& job, Goal goal, Json plan, Json network) {
    const Json inputs = {
        {"plan", plan}, {"weights", network.value("weights", "")}, {"data", goal.data}};
    const std::string step = int8Step(plan, "quantize");
    Result<Json> quantized =
        co_await job.step(step, inputs, runQuantize(job, goal, plan, network), Weight::heavy);
    co_return quantized;
}

std::string int8Step(const Json& plan, const std::string& usual) {
    const Json recipe = plan.value("quantization", Json::object());
    return recipe.value("fine_tune_epochs", 0) > 0 ? "fine-tune" : usual;
}

}  // namespace tinsmith
