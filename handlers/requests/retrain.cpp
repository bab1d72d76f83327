// retrain: the same plan, weights continued or fresh, on today's data.
#include <algorithm>

#include "handlers/api/parse.hpp"
#include "handlers/flow/explain.hpp"
#include "handlers/plan/facts.hpp"
#include "handlers/plan/fixed.hpp"
#include "handlers/plan/recipe_prompt.hpp"
#include "handlers/requests/ask.hpp"
#include "handlers/requests/figures.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/learn.hpp"
#include "handlers/requests/release.hpp"
#include "handlers/requests/report.hpp"
#include "handlers/requests/stories.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

namespace {

// Of the plan's epochs, when weights go on from old ones: they have most of the way behind them.
constexpr double kContinuedEpochs = 0.3;

// How the final weights come about.
struct Course {
    int epochs = 1;
    Json start;       // the network to continue from; null = fresh weights
    Json validation;  // what a trial reached there; null where there was none
    Json curve;       // of the training, the last known one
};

// What is trained and from where: the request's recipe, else a language model's, else the last one.
struct Recipe {
    Json plan;
    bool fresh = false;
    std::string from;  // "asker", "last" or the model's name
    std::string reason;

    [[nodiscard]] bool proposed() const { return from != "last" && from != "asker"; }
};

std::string curvesOf(const Json& version) {
    const Json origin = version.value("origin", Json::object());
    const Json metrics = version.value("metrics", Json::object());
    std::string text = plan::curveText(origin.value("curve", Json::array()));
    text += (text.empty() ? "" : "; ") + std::string("validation then ") +
            percent(metrics.value("validation", Json::object()).value("accuracy", 0.0)) +
            ", test then " + percent(metrics.value("test", Json::object()).value("accuracy", 0.0));
    return text;
}

Task<Result<Recipe>> askForRecipe(Job& job, Goal goal, Json version, Recipe last) {
    plan::RetrainInput input;
    input.task = goal.task;
    input.advice = goal.advice;
    input.plan = last.plan;
    input.curves = curvesOf(version);
    input.oldCard = withoutTest(version.value("card", Json()));
    input.card = withoutTest(goal.card);
    Question question;
    auto prompt = promptOf(job, "retrain.md", plan::retrainTemplate(),
                           [&](std::string_view text) { return plan::retrainPrompt(input, text); });
    if (!prompt) co_return std::unexpected(prompt.error());
    auto compact = promptOf(job, "retrain.md", plan::retrainTemplate(), [&](std::string_view text) {
        return plan::compactRetrainPrompt(input, text);
    });
    if (!compact) co_return std::unexpected(compact.error());
    question.prompt = std::move(*prompt);
    question.compact = std::move(*compact);
    question.schema = plan::retrainSchema();
    question.schemaName = "retrain";
    Spent spent;
    Recipe chosen = last;
    const plan::WindowShape window = goal.window();
    const auto read = [&chosen, &last, window](const std::string& text) -> Status {
        auto answer = plan::readRetrainAnswer(text, last.plan, window);
        if (!answer) return std::unexpected(answer.error());
        chosen.plan = std::move(answer->plan);
        chosen.fresh = last.fresh || answer->fresh;
        chosen.reason = std::move(answer->reason);
        return {};
    };
    Result<Answer> answer = co_await askWithRepair(job, goal, spent, question, read);
    if (!answer) co_return std::unexpected(answer.error());
    chosen.from = answer->model;
    co_return chosen;
}

// A language model that is down or useless costs nothing but the event that says so.
Task<Result<Recipe>> wantedRecipe(Job& job, Goal goal, Json version, Recipe last) {
    if (goal.llmCalls == 0) co_return last;
    job.progress(1, "asks " + job.world().llm.model() + " how to train");
    Result<Recipe> asked = co_await askForRecipe(job, goal, version, last);
    if (!asked) {
        if (endsJob(asked.error())) co_return asked;
        job.event("planner", asked.error().message + "; the last recipe is used",
                  toJson(asked.error()));
        co_return last;
    }
    job.event("recipe", asked->reason, asked->plan.value("training", Json::object()));
    co_return asked;
}

// What a language model thought of may not train at all: then the last recipe is left.
bool fallsBack(Job& job, Recipe& recipe, const Json& lastPlan, const Error& error) {
    if (!recipe.proposed() || endsJob(error)) return false;
    job.event("recipe", "the new recipe failed: " + error.message + "; the last one is used",
              toJson(error));
    recipe.plan = lastPlan;
    recipe.from = "last";
    return true;
}

// Validation tells how long to train fresh weights, and which of two recipes is better. Continued
// ones were fitted on it, so it could tell nothing: they take a fixed share of the plan's epochs,
// and test judges them.
Task<Result<Course>> chooseCourse(Job& job, Goal goal, Json base, Recipe& recipe, Json lastPlan) {
    if (!recipe.fresh && base.value("classes", Json()) != goal.card.value("classes", Json())) {
        job.event("retrain", "the classes are others than those of version " +
                                 std::to_string(base.value("version", 0)) + ": fresh weights");
        recipe.fresh = true;
    }
    Course course;
    const int planned = recipe.plan.value("training", Json::object()).value("epochs", 1);
    if (!recipe.fresh) {
        course.epochs = std::max(1, static_cast<int>(planned * kContinuedEpochs));
        course.start = {{"network_json", base.value("network_json", Json::object())},
                        {"weights", base.value("network", "")}};
        course.curve = base.value("origin", Json::object()).value("curve", Json::array());
        co_return course;
    }
    Result<Json> tried = co_await trainStep(job, goal, recipe.plan, 1.0, true);
    if (!tried && fallsBack(job, recipe, lastPlan, tried.error()))
        tried = co_await trainStep(job, goal, recipe.plan, 1.0, true);
    if (tried && recipe.proposed() && recipe.plan != lastPlan) {
        Result<Json> before = co_await trainStep(job, goal, lastPlan, 1.0, true);
        const auto reached = [](const Json& result) {
            return result["validation"].value("accuracy", 0.0);
        };
        if (before && reached(*before) > reached(*tried)) {
            job.event("recipe", "the last recipe reaches " + percent(reached(*before)) +
                                    " on validation, the new one " + percent(reached(*tried)) +
                                    ": the last one is used");
            recipe.plan = lastPlan;
            recipe.from = "last";
            tried = before;
        }
    }
    if (!tried) co_return std::unexpected(tried.error());
    course.epochs = tried->value("epochs", planned);
    course.validation = (*tried)["validation"];
    course.curve = tried->value("curve", Json::array());
    co_return course;
}

}  // namespace

Task<Result<Json>> retrainStory(Job& job, Fleet& fleet) {
    const auto typed = typedRequest(job.verb(), job.request());
    if (!typed) co_return std::unexpected(typed.error());
    const auto request = std::get<RetrainRequest>(*typed);
    Result<Json> base = co_await baseStep(job, request.model, request.version);
    if (!base) co_return std::unexpected(base.error());
    if (auto trained = checkTrained(*base); !trained) co_return std::unexpected(trained.error());
    GoalRequest wanted = goalOfVersion(*base);
    if (!request.dataset.empty()) wanted.dataset = request.dataset;
    if (request.target.accuracy) wanted.target = request.target;
    wanted.limits = narrowed(wanted.limits, request.limits);
    wanted.budget = request.budget;
    wanted.seed = request.seed;
    wanted.advice = request.advice;
    Result<Goal> goal = co_await goalStep(job, wanted);
    if (!goal) co_return std::unexpected(goal.error());
    reportGoal(job, *goal);

    Recipe last{(*base)["version"].value("plan", Json::object()), request.fresh, "last", ""};
    const Json lastPlan = last.plan;
    const auto plan = plan::parsePlan(lastPlan, goal->window());
    if (!plan) {
        co_return fail(
            plan.error().code,
            "the plan of " + request.model + " does not fit the data: " + plan.error().message,
            "use regenerate, which makes a new plan", plan.error().path);
    }
    const plan::Feasibility fits = plan::check(*plan, goal->window(), goal->limits);
    if (!fits.fits) {
        co_return fail(Code::not_feasible, fits.sentence, "relax the limits, or use regenerate");
    }
    if (request.recipe.is_object()) {
        const auto changed =
            plan::withFixed(lastPlan, Json{{"training", request.recipe}}, goal->window());
        if (!changed) co_return std::unexpected(moved(changed.error(), "/training", "/recipe"));
        last.plan = plan::toJson(*changed);
        last.from = "asker";
    }
    if (request.dryRun) {
        co_return Json{{"dry_run", true}, {"plan", last.plan}, {"fit", plan::toJson(fits)}};
    }

    const Json version = (*base)["version"];
    Result<Recipe> recipe = last;
    if (last.from == "last") recipe = co_await wantedRecipe(job, *goal, version, last);
    if (!recipe) co_return std::unexpected(recipe.error());
    Result<Course> course = co_await chooseCourse(job, *goal, version, *recipe, lastPlan);
    if (!course) co_return std::unexpected(course.error());
    Result<Json> network = co_await fit(job, *goal, recipe->plan, course->epochs, course->start);
    if (!network && fallsBack(job, *recipe, lastPlan, network.error())) {
        course = co_await chooseCourse(job, *goal, version, *recipe, lastPlan);
        if (!course) co_return std::unexpected(course.error());
        network = co_await fit(job, *goal, recipe->plan, course->epochs, course->start);
    }
    if (!network) co_return std::unexpected(network.error());
    reportRecipe(job, {{"from", recipe->from},
                       {"reason", recipe->reason},
                       {"recipe", recipe->plan.value("training", Json::object())}});
    const Json planJson = recipe->plan;
    Result<Json> int8 = co_await quantize(job, *goal, planJson, *network);
    if (!int8) co_return std::unexpected(int8.error());

    const bool continued = !course->start.is_null();
    const Json origin = {{"retrained_from", version.value("version", 0)},
                         {"weights", continued ? "continued" : "fresh"},
                         {"epochs", course->epochs},
                         {"validation", course->validation},
                         {"curve", course->curve},
                         {"recipe", {{"from", recipe->from}, {"reason", recipe->reason}}},
                         {"cost", plan::toJson(fits)}};
    Draft draft{planJson, *network, *int8, origin};
    ReleaseWishes wishes{request.rollout, request.force};
    Result<Json> released = co_await proveAndRelease(job, fleet, *goal, draft, wishes);
    co_return released;
}

}  // namespace tinsmith
