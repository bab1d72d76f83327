// retrain: the same plan, weights continued or fresh, on today's data.
#include <algorithm>

#include "handlers/api/parse.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/learn.hpp"
#include "handlers/requests/release.hpp"
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
};

// Validation tells how long to train fresh weights. Continued ones were fitted on it, so it could
// tell nothing: they take a fixed share of the plan's epochs, and test judges them.
Task<Result<Course>> chooseCourse(Job& job, Goal goal, Json base, bool fresh) {
    const Json planJson = base.value("plan", Json::object());
    if (!fresh && base.value("classes", Json()) != goal.card.value("classes", Json())) {
        job.event("retrain", "the classes are others than those of version " +
                                 std::to_string(base.value("version", 0)) + ": fresh weights");
        fresh = true;
    }
    Course course;
    const int planned = planJson.value("training", Json::object()).value("epochs", 1);
    if (!fresh) {
        course.epochs = std::max(1, static_cast<int>(planned * kContinuedEpochs));
        course.start = {{"network_json", base.value("network_json", Json::object())},
                        {"weights", base.value("network", "")}};
        co_return course;
    }
    Result<Json> tried = co_await trainStep(job, goal, planJson, 1.0, true);
    if (!tried) co_return std::unexpected(tried.error());
    course.epochs = tried->value("epochs", planned);
    course.validation = (*tried)["validation"];
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
    Result<Goal> goal = co_await goalStep(job, wanted);
    if (!goal) co_return std::unexpected(goal.error());

    const Json planJson = (*base)["version"].value("plan", Json::object());
    const auto plan = plan::parsePlan(planJson, goal->window());
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
    if (request.dryRun) {
        co_return Json{{"dry_run", true}, {"plan", planJson}, {"fit", plan::toJson(fits)}};
    }

    const Json version = (*base)["version"];
    Result<Course> course = co_await chooseCourse(job, *goal, version, request.fresh);
    if (!course) co_return std::unexpected(course.error());
    Result<Json> network = co_await fit(job, *goal, planJson, course->epochs, course->start);
    if (!network) co_return std::unexpected(network.error());
    Result<Json> int8 = co_await quantize(job, *goal, planJson, *network);
    if (!int8) co_return std::unexpected(int8.error());

    const bool continued = !course->start.is_null();
    const Json origin = {{"retrained_from", version.value("version", 0)},
                         {"weights", continued ? "continued" : "fresh"},
                         {"epochs", course->epochs},
                         {"validation", course->validation},
                         {"cost", plan::toJson(fits)}};
    Draft draft{planJson, *network, *int8, origin};
    ReleaseWishes wishes{request.rollout, request.force};
    Result<Json> released = co_await release(job, fleet, *goal, draft, wishes);
    co_return released;
}

}  // namespace tinsmith
