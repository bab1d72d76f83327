// retrain: the same plan, new weights on today's data.
#include "handlers/api/parse.hpp"
#include "handlers/requests/learn.hpp"
#include "handlers/requests/release.hpp"
#include "handlers/requests/stories.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

Task<Result<Json>> retrainStory(Job& job, Fleet& fleet) {
    const auto typed = typedRequest(job.verb(), job.request());
    if (!typed) co_return std::unexpected(typed.error());
    const auto request = std::get<RetrainRequest>(*typed);
    Result<Json> base = co_await baseStep(job, request.model, request.version);
    if (!base) co_return std::unexpected(base.error());
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

    // Validation tells how long to train; the network that counts is then fitted on train and
    // validation.
    Result<Json> tried = co_await trial(job, *goal, planJson, 1.0, true);
    if (!tried) co_return std::unexpected(tried.error());
    const int epochs = tried->value("epochs", plan->training.epochs);
    Result<Json> network = co_await fit(job, *goal, planJson, epochs);
    if (!network) co_return std::unexpected(network.error());
    Result<Json> int8 = co_await quantize(job, *goal, planJson, *network);
    if (!int8) co_return std::unexpected(int8.error());

    const Json origin = {{"retrained_from", (*base)["version"].value("version", 0)},
                         {"validation", (*tried)["validation"]},
                         {"cost", plan::toJson(fits)}};
    Draft draft{planJson, *network, *int8, origin};
    ReleaseWishes wishes{request.rollout, request.force};
    Result<Json> released = co_await release(job, fleet, *goal, draft, wishes);
    co_return released;
}

}  // namespace tinsmith
