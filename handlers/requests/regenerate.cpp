// regenerate: a new plan and new weights.
#include "handlers/api/parse.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/learn.hpp"
#include "handlers/requests/release.hpp"
#include "handlers/requests/report.hpp"
#include "handlers/requests/stories.hpp"

namespace tinsmith {

Task<Result<Json>> regenerateStory(Job& job, Fleet& fleet) {
    const auto typed = typedRequest(job.verb(), job.request());
    if (!typed) co_return std::unexpected(typed.error());
    const auto request = std::get<RegenerateRequest>(*typed);
    GoalRequest wanted{request.model,  request.dataset, request.board,  request.task,
                       request.advice, request.plan,    request.target, request.limits,
                       request.budget, request.seed};
    Result<Goal> goal = co_await goalStep(job, wanted);
    if (!goal) co_return std::unexpected(goal.error());
    reportGoal(job, *goal);
    if (request.dryRun) {
        Result<Json> answer = co_await dryRun(job, *goal);
        co_return answer;
    }

    Result<Choice> choice = co_await choosePlan(job, *goal);
    if (!choice) co_return std::unexpected(choice.error());
    Result<Json> network = co_await fit(job, *goal, choice->plan, choice->epochs, Json());
    if (!network) co_return std::unexpected(network.error());
    Result<Json> int8 = co_await quantize(job, *goal, choice->plan, *network);
    if (!int8) co_return std::unexpected(int8.error());

    Draft draft{choice->plan, *network, *int8, toJson(*choice)};
    ReleaseWishes wishes{request.rollout, request.force};
    Result<Json> released = co_await release(job, fleet, *goal, draft, wishes);
    co_return released;
}

}  // namespace tinsmith
