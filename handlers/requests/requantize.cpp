// requantize: the same float weights, a new recipe or new limits.
#include "handlers/api/parse.hpp"
#include "handlers/requests/learn.hpp"
#include "handlers/requests/release.hpp"
#include "handlers/requests/stories.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

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
    Result<Goal> goal = co_await goalStep(job, wanted);
    if (!goal) co_return std::unexpected(goal.error());

    const Json version = (*base)["version"];
    Json planJson = version.value("plan", Json::object());
    if (request.windows) planJson["quantization"]["windows"] = *request.windows;
    const auto plan = plan::parsePlan(planJson, goal->window());
    if (!plan) co_return std::unexpected(plan.error());
    const plan::Feasibility fits = plan::check(*plan, goal->window(), goal->limits);
    if (!fits.fits) {
        co_return fail(
            Code::not_feasible, fits.sentence,
            "other int8 weights need the same space: relax the limits, or use regenerate");
    }
    if (request.dryRun) {
        co_return Json{{"dry_run", true}, {"plan", planJson}, {"fit", plan::toJson(fits)}};
    }

    const Json network = {{"network_json", version.value("network_json", Json::object())},
                          {"weights", version.value("network", "")}};
    Result<Json> int8 = co_await quantize(job, *goal, planJson, network);
    if (!int8) co_return std::unexpected(int8.error());
    const Json origin = {{"requantized_from", version.value("version", 0)},
                         {"cost", plan::toJson(fits)}};
    Draft draft{planJson, network, *int8, origin};
    ReleaseWishes wishes{request.rollout, request.force};
    Result<Json> released = co_await release(job, fleet, *goal, draft, wishes);
    co_return released;
}

}  // namespace tinsmith
