#include "handlers/requests/recipes.hpp"

#include <algorithm>

#include "handlers/requests/figures.hpp"
#include "handlers/requests/firmware.hpp"
#include "handlers/requests/int8.hpp"

namespace tinsmith {

namespace {

using plan::CalibrationKind;
using plan::Quantization;

constexpr int kTriedUntil = 60;  // percent of the whole job
// Fine-tuning soon pays or never does.
constexpr int kShortFineTuning = 5;
constexpr int kLongFineTuning = 20;

// ---- One trial

Task<Result<Json>> runRecipe(Job& job, Goal goal, Json plan, Json network, int at) {
    auto folder = restoreNetwork(job, network);
    if (!folder) co_return std::unexpected(folder.error());
    const Json parts = Json::array({"validation"});
    Result<Json> made = co_await toInt8(job, goal, plan, *folder, parts, at, at);
    if (!made) co_return std::unexpected(made.error());
    const std::filesystem::path output = made->value("folder", "");
    auto tflite = job.world().artefacts.putFile(output / made->value("tflite", "model.tflite"));
    if (!tflite) co_return std::unexpected(tflite.error());
    const Json report = made->value("parts", Json::object()).value("validation", Json::object());
    co_return Json{{"accuracy", report.value("accuracy", 0.0)},
                   {"float_accuracy", report.value("float_accuracy", 0.0)},
                   {"agreement", report.value("agreement", 0.0)},
                   {"bytes", made->value("bytes", std::uint64_t{0})},
                   {"tflite", *tflite}};
}

Json planWith(Json plan, const Quantization& recipe) {
    plan["quantization"] = plan::toJson(recipe);
    return plan;
}

Task<Result<RecipeTrial>> tryRecipe(Job& job, Goal goal, RecipeSearch search, Quantization recipe,
                                    int at) {
    const std::string name = plan::describe(recipe);
    job.progress(at, "tries " + name);
    const Json plan = planWith(search.plan, recipe);
    const Json inputs = {{"plan", plan},
                         {"weights", search.network.value("weights", "")},
                         {"data", goal.data},
                         {"seed", goal.seed}};
    const std::string step = int8Step(plan, "recipe");
    Result<Json> result = co_await job.step(
        step, inputs, runRecipe(job, goal, plan, search.network, at), Weight::heavy);
    if (!result) co_return std::unexpected(result.error());
    RecipeTrial trial;
    trial.recipe = recipe;
    trial.accuracy = result->value("accuracy", 0.0);
    trial.floatAccuracy = result->value("float_accuracy", 0.0);
    trial.agreement = result->value("agreement", 0.0);
    trial.bytes = result->value("bytes", std::uint64_t{0});
    trial.tflite = result->value("tflite", "");
    job.event("recipe",
              name + ": int8 " + percent(trial.accuracy) + " on validation, float " +
                  percent(trial.floatAccuracy) + ", same class on " + percent(trial.agreement) +
                  ", " + kilobytes(trial.bytes),
              toJson(trial));
    co_return trial;
}

// ---- Choosing

bool better(const RecipeTrial& one, const RecipeTrial& other) {
    if (one.accuracy != other.accuracy) return one.accuracy > other.accuracy;
    return one.agreement > other.agreement;
}

bool fits(const RecipeTrial& trial, const Goal& goal) {
    return trial.imageBytes <= goal.limits.flashBytes;
}

// The first of the best ones that fit; the end where none does.
std::vector<RecipeTrial>::iterator bestFitting(std::vector<RecipeTrial>& tried, const Goal& goal) {
    auto best = tried.end();
    for (auto it = tried.begin(); it != tried.end(); ++it) {
        if (fits(*it, goal) && (best == tried.end() || better(*it, *best))) best = it;
    }
    return best;
}

// Builds an image of each form of weights: recipes of one form differ in numbers, not in size.
Task<Status> measureImages(Job& job, Goal goal, RecipeSearch search,
                           std::vector<RecipeTrial>& tried) {
    for (const bool perChannel : {true, false}) {
        const auto first = std::ranges::find_if(tried, [perChannel](const RecipeTrial& trial) {
            return trial.recipe.perChannel == perChannel;
        });
        if (first == tried.end()) continue;
        const Json quantized = {{"tflite", first->tflite}};
        FirmwareSpec spec{goal,           planWith(search.plan, first->recipe),
                          search.network, quantized,
                          search.version, 1};
        Result<Json> built = co_await buildStep(job, spec);
        if (!built) co_return std::unexpected(built.error());
        for (RecipeTrial& trial : tried) {
            if (trial.recipe.perChannel != perChannel) continue;
            trial.imageBytes = signedImageBytes(*built);
            trial.report = built->value("report", Json::object());
        }
        job.event("image", std::string(perChannel ? "per channel" : "per tensor") + ": " +
                               kilobytes(first->imageBytes) + " signed, " +
                               kilobytes(goal.limits.flashBytes) + " are allowed");
    }
    co_return Status();
}

Error nothingFits(const std::vector<RecipeTrial>& tried, const Goal& goal) {
    const auto smallest = std::ranges::min_element(
        tried, [](const auto& a, const auto& b) { return a.imageBytes < b.imageBytes; });
    const std::uint64_t platform = goal.limits.platformFlash;
    const auto constants = smallest->report.value("constant_bytes", std::uint64_t{0});
    const auto golden = smallest->report.value("golden_bytes", std::uint64_t{0});
    const std::uint64_t known = platform + constants + golden;
    const std::uint64_t image = smallest->imageBytes;
    return Error{
        Code::not_feasible,
        "the smallest image, of " + plan::describe(smallest->recipe) + ", has " + kilobytes(image) +
            ", " + kilobytes(goal.limits.flashBytes) + " are allowed, " +
            std::to_string(image - goal.limits.flashBytes) + " bytes too much: platform " +
            kilobytes(platform) + ", weights and biases with their scales " + kilobytes(constants) +
            ", self-test windows " + kilobytes(golden) + ", feature and kernel code and tables " +
            kilobytes(image > known ? image - known : 0) + "; " + recipesInWords(tried),
        "allow " + std::to_string(image / 1000 + 1) +
            " KB, or use regenerate with this limit: its planner then makes a smaller network",
        "/limits/flash_kb"};
}

void noteFailed(Job& job, const Quantization& recipe, const Error& error) {
    job.event("recipe", plan::describe(recipe) + " failed: " + error.message, toJson(error));
}

Task<Status> fineTuneBest(Job& job, Goal goal, RecipeSearch search,
                          std::vector<RecipeTrial>& tried) {
    const RecipeTrial start = *bestFitting(tried, goal);
    if (start.recipe.fineTuneEpochs > 0) co_return Status();
    for (const int epochs : {kShortFineTuning, kLongFineTuning}) {
        if (bestFitting(tried, goal)->accuracy >= goal.target) co_return Status();
        Quantization recipe = start.recipe;
        recipe.fineTuneEpochs = epochs;
        Result<RecipeTrial> trial = co_await tryRecipe(job, goal, search, recipe, kTriedUntil);
        if (!trial) {
            if (endsJob(trial.error())) co_return std::unexpected(trial.error());
            noteFailed(job, recipe, trial.error());
            co_return Status();
        }
        trial->imageBytes = start.imageBytes;
        trial->report = start.report;
        tried.push_back(std::move(*trial));
    }
    co_return Status();
}

}  // namespace

Json toJson(const RecipeTrial& trial) {
    Json json = {{"recipe", plan::toJson(trial.recipe)}, {"name", plan::describe(trial.recipe)},
                 {"accuracy", trial.accuracy},           {"float_accuracy", trial.floatAccuracy},
                 {"agreement", trial.agreement},         {"bytes", trial.bytes}};
    if (trial.imageBytes > 0) json["image_bytes"] = trial.imageBytes;
    return json;
}

std::string recipesInWords(const std::vector<RecipeTrial>& tried) {
    std::string text = "on validation ";
    for (const RecipeTrial& trial : tried) {
        text += plan::describe(trial.recipe) + " " + percent(trial.accuracy) + "; ";
    }
    return text + "float " + percent(tried.empty() ? 0 : tried.front().floatAccuracy);
}

std::vector<Quantization> usualRecipes(const Quantization& own, bool flashTight) {
    std::vector<Quantization> recipes = {own};
    for (const bool perChannel : {true, false}) {
        if (!perChannel && !flashTight) break;
        for (const CalibrationKind calibration :
             {CalibrationKind::min_max, CalibrationKind::percentile, CalibrationKind::mse}) {
            for (const bool corrected : {false, true}) {
                Quantization recipe;
                recipe.calibration = calibration;
                recipe.windows = own.windows;
                recipe.perChannel = perChannel;
                recipe.biasCorrection = corrected;
                if (std::ranges::find(recipes, recipe) == recipes.end()) recipes.push_back(recipe);
            }
        }
    }
    return recipes;
}

Task<Result<RecipeChoice>> chooseRecipe(Job& job, Goal goal, RecipeSearch search) {
    RecipeChoice choice;
    const int count = static_cast<int>(search.recipes.size());
    for (int i = 0; i < count; ++i) {
        const Quantization recipe = search.recipes[static_cast<std::size_t>(i)];
        const int at = kTriedUntil * i / count;
        Result<RecipeTrial> trial = co_await tryRecipe(job, goal, search, recipe, at);
        // What somebody thought of may not run; the others are still there, the last one among
        // them.
        const bool others = !choice.tried.empty() || i + 1 < count;
        if (!trial && (endsJob(trial.error()) || !others)) co_return std::unexpected(trial.error());
        if (trial)
            choice.tried.push_back(std::move(*trial));
        else
            noteFailed(job, recipe, trial.error());
    }
    if (search.flashTight) {
        const Status measured = co_await measureImages(job, goal, search, choice.tried);
        if (!measured) co_return std::unexpected(measured.error());
    }
    if (bestFitting(choice.tried, goal) == choice.tried.end()) {
        co_return std::unexpected(nothingFits(choice.tried, goal));
    }
    if (search.mayFineTune && goal.target > 0) {
        const Status tuned = co_await fineTuneBest(job, goal, search, choice.tried);
        if (!tuned) co_return std::unexpected(tuned.error());
    }
    const RecipeTrial& best = *bestFitting(choice.tried, goal);
    choice.recipe = best.recipe;
    job.event("recipe chosen",
              plan::describe(best.recipe) + ": the best of " + std::to_string(choice.tried.size()) +
                  " on validation",
              toJson(best));
    co_return choice;
}

}  // namespace tinsmith
