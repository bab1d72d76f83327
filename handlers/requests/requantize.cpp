// requantize: the same float weights, a new recipe or new limits.
#include <algorithm>

#include "handlers/api/parse.hpp"
#include "handlers/flow/explain.hpp"
#include "handlers/plan/recipe_prompt.hpp"
#include "handlers/requests/ask.hpp"
#include "handlers/requests/figures.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/recipes.hpp"
#include "handlers/requests/release.hpp"
#include "handlers/requests/report.hpp"
#include "handlers/requests/stories.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

namespace {

constexpr const char* kRegenerate =
    ", or use regenerate with this limit: its planner then makes a smaller network";

// The version's plan with the recipe that the request asks for.
Result<plan::Plan> wantedPlan(const Json& version, const RequantizeRequest& request,
                              const plan::WindowShape& window) {
    Json json = version.value("plan", Json::object());
    const Json own = json.value("quantization", Json::object());
    Json recipe = request.recipe.value_or(own);
    if (request.windows && !(request.recipe && recipe.contains("windows"))) {
        recipe["windows"] = *request.windows;
    }
    if (!recipe.contains("windows") && own.contains("windows")) recipe["windows"] = own["windows"];
    json["quantization"] = recipe;
    return plan::parsePlan(json, window);
}

// What the version needs: as its preflight measured it, else as estimated.
struct Need {
    std::uint64_t flashBytes = 0;
    std::uint64_t ramBytes = 0;
    double latencyMs = 0;
    std::string how;
};

Need needOf(const Json& version, const plan::Feasibility& estimate) {
    const Json measured = version.value("measured", Json::object());
    Need need{estimate.flashBytes, estimate.ramBytes, estimate.cost.latency.high,
              "is estimated to"};
    if (!measured.contains("image_bytes")) return need;
    need.flashBytes = measured.value("image_bytes", need.flashBytes);
    need.ramBytes = measured.value("ram_bytes", need.ramBytes);
    need.latencyMs = plan::latencyFromJson(measured).high;
    need.how = "was measured to";
    return need;
}

// Memory and time are the same for every recipe.
Status checkFixed(const Need& need, const plan::BoardLimits& limits, const std::string& version) {
    if (need.ramBytes > limits.ramBytes) {
        return fail(Code::not_feasible,
                    version + " " + need.how + " need " + kilobytes(need.ramBytes) + " of RAM, " +
                        kilobytes(limits.ramBytes) + " are allowed (" +
                        kilobytes(limits.platformRam) +
                        " of it for the platform), and no recipe changes that: windows, features "
                        "and int8 activations stay as large",
                    "allow " + std::to_string(need.ramBytes / 1000 + 1) + " KB" + kRegenerate,
                    "/limits/ram_kb");
    }
    if (limits.latencyMs > 0 && need.latencyMs > limits.latencyMs) {
        return fail(Code::not_feasible,
                    version + " " + need.how + " take " + std::to_string(need.latencyMs) +
                        " ms a window, " + std::to_string(limits.latencyMs) +
                        " ms are allowed, and no recipe changes that: the multiplications stay",
                    "allow that long" + std::string(kRegenerate), "/limits/latency_ms");
    }
    return {};
}

// A missed target, with what was tried against it.
Error explained(Error error, const RecipeChoice& choice) {
    if (error.code != Code::target_missed) return error;
    const auto best = std::ranges::max_element(
        choice.tried, [](const auto& a, const auto& b) { return a.accuracy < b.accuracy; });
    error.message += "; " + recipesInWords(choice.tried);
    error.hint = best->accuracy >= best->floatAccuracy
                     ? "no recipe can be expected to do better than the float network: use "
                       "retrain on more data, or regenerate, or lower the target"
                     : "use retrain on more data, or regenerate, or lower the target";
    error.hint += "; the version is kept and not rolled out";
    return error;
}

// A language model's recipes, tried before the usual ones. Empty where none is configured or its
// answer is of no use; the event says why.
Task<Result<std::vector<plan::Quantization>>> askForRecipes(Job& job, Goal goal, Json version,
                                                            Json planJson) {
    std::vector<plan::Quantization> recipes;
    if (goal.llmCalls == 0) co_return recipes;
    plan::RequantizeInput input;
    input.task = goal.task;
    input.advice = goal.advice;
    input.plan = planJson;
    const Json metrics = version.value("metrics", Json::object());
    input.validation = metrics.value("validation", Json::object());
    input.measured = version.value("measured", Json::object());
    input.limits = "flash at most " + kilobytes(goal.limits.flashBytes) +
                   (goal.target > 0 ? ", accuracy at least " + percent(goal.target) : "");
    input.tried = "its own recipe, which is tried again";
    auto prompt =
        promptOf(job, "requantize.md", plan::requantizeTemplate(),
                 [&](std::string_view text) { return plan::requantizePrompt(input, text); });
    if (!prompt) co_return std::unexpected(prompt.error());
    auto compact =
        promptOf(job, "requantize.md", plan::requantizeTemplate(),
                 [&](std::string_view text) { return plan::compactRequantizePrompt(input, text); });
    if (!compact) co_return std::unexpected(compact.error());
    Question question;
    question.prompt = std::move(*prompt);
    question.compact = std::move(*compact);
    question.schema = plan::requantizeSchema();
    question.schemaName = "requantize";
    Spent spent;
    const plan::WindowShape window = goal.window();
    std::string reason;
    const auto read = [&recipes, &planJson, &reason, window](const std::string& text) -> Status {
        auto answer = plan::readRequantizeAnswer(text, planJson, window);
        if (!answer) return std::unexpected(answer.error());
        recipes = std::move(answer->recipes);
        reason = std::move(answer->reason);
        return {};
    };
    Result<Answer> answer = co_await askWithRepair(job, goal, spent, question, read);
    if (!answer) {
        if (endsJob(answer.error())) co_return std::unexpected(answer.error());
        job.event("planner", answer.error().message + "; the usual recipes are tried",
                  toJson(answer.error()));
        co_return std::vector<plan::Quantization>();
    }
    job.event("recipe", reason);
    Json proposed = Json::array();
    for (const plan::Quantization& recipe : recipes) proposed.push_back(plan::toJson(recipe));
    reportRecipe(job, {{"from", answer->model}, {"reason", reason}, {"recipe", proposed}});
    co_return recipes;
}

}  // namespace

Task<Result<Json>> requantizeStory(Job& job, Fleet& fleet) {
    const auto typed = typedRequest(job.verb(), job.request());
    if (!typed) co_return std::unexpected(typed.error());
    const auto request = std::get<RequantizeRequest>(*typed);
    Result<Json> base = co_await baseStep(job, request.model, request.version);
    if (!base) co_return std::unexpected(base.error());
    if (auto trained = checkTrained(*base); !trained) co_return std::unexpected(trained.error());
    GoalRequest wanted = goalOfVersion(*base);
    if (request.target.accuracy) wanted.target = request.target;
    wanted.limits = narrowed(wanted.limits, request.limits);
    wanted.advice = request.advice;
    Result<Goal> goal = co_await goalStep(job, wanted);
    if (!goal) co_return std::unexpected(goal.error());
    reportGoal(job, *goal);

    const Json version = (*base)["version"];
    const auto plan = wantedPlan(version, request, goal->window());
    if (!plan) co_return std::unexpected(moved(plan.error(), "/quantization", "/recipe"));
    const plan::Feasibility estimate = plan::check(*plan, goal->window(), goal->limits);
    const Need need = needOf(version, estimate);
    const int number = version.value("version", 0);
    const Status fixed = checkFixed(need, goal->limits, "version " + std::to_string(number));
    if (!fixed) co_return std::unexpected(fixed.error());
    const bool flashTight = need.flashBytes > goal->limits.flashBytes;
    Json planJson = plan::toJson(*plan);
    if (request.dryRun) {
        co_return Json{{"dry_run", true},
                       {"plan", planJson},
                       {"fit", plan::toJson(estimate)},
                       {"flash_tight", flashTight}};
    }

    RecipeSearch search;
    search.plan = planJson;
    search.network = {{"network_json", version.value("network_json", Json::object())},
                      {"weights", version.value("network", "")}};
    search.recipes = {plan->quantization};
    if (!request.recipe) {
        Result<std::vector<plan::Quantization>> asked =
            co_await askForRecipes(job, *goal, version, planJson);
        if (!asked) co_return std::unexpected(asked.error());
        const auto add = [&search](const std::vector<plan::Quantization>& recipes) {
            for (const plan::Quantization& recipe : recipes) {
                if (std::ranges::find(search.recipes, recipe) == search.recipes.end())
                    search.recipes.push_back(recipe);
            }
        };
        add(*asked);
        add(usualRecipes(plan->quantization, flashTight));
    }
    search.mayFineTune = !request.recipe;
    search.flashTight = flashTight;
    search.version = number;
    Result<RecipeChoice> choice = co_await chooseRecipe(job, *goal, search);
    if (!choice) co_return std::unexpected(choice.error());
    for (const RecipeTrial& trial : choice->tried) reportRecipe(job, toJson(trial));

    planJson["quantization"] = plan::toJson(choice->recipe);
    Result<Json> int8 = co_await quantize(job, *goal, planJson, search.network);
    if (!int8) co_return std::unexpected(int8.error());
    Json origin = {{"requantized_from", number},
                   {"recipe", plan::toJson(choice->recipe)},
                   {"recipes", Json::array()},
                   {"cost", plan::toJson(estimate)}};
    for (const RecipeTrial& trial : choice->tried) origin["recipes"].push_back(toJson(trial));
    Draft draft{planJson, search.network, *int8, origin};
    ReleaseWishes wishes{request.rollout, request.force};
    Result<Json> released = co_await proveAndRelease(job, fleet, *goal, draft, wishes);
    if (!released) co_return std::unexpected(explained(released.error(), *choice));
    co_return released;
}

}  // namespace tinsmith
