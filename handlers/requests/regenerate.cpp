// regenerate: a new plan and new weights.
#include "handlers/api/parse.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/learn.hpp"
#include "handlers/requests/refusal.hpp"
#include "handlers/requests/release.hpp"
#include "handlers/requests/report.hpp"
#include "handlers/requests/stories.hpp"

namespace tinsmith {

namespace {

// One plan's way to the board and what the board said.
struct Made {
    Choice choice;
    Draft draft;
    Proof proof;
};

Task<Result<Made>> make(Job& job, Goal goal, Planning& planning) {
    Result<Choice> choice = co_await choosePlan(job, planning);
    if (!choice) co_return std::unexpected(choice.error());
    Result<Json> network = co_await fit(job, goal, choice->plan, choice->epochs, Json());
    if (!network) co_return std::unexpected(network.error());
    Result<Json> int8 = co_await quantize(job, goal, choice->plan, *network);
    if (!int8) co_return std::unexpected(int8.error());
    Made made{*choice, {choice->plan, *network, *int8, toJson(*choice)}, {}};
    made.proof = co_await prove(job, goal, made.draft);
    co_return made;
}

// The board has the last word: a plan that it refuses is followed by the next best one.
Task<Result<Made>> makeWhatTheBoardTakes(Job& job, Goal goal) {
    Planning planning{goal, {}, {}};
    Result<Made> made = co_await make(job, goal, planning);
    int refusals = 0;
    while (made && refusesPlan(goal, made->proof)) {
        noteRefusal(job, goal, planning, made->choice, made->proof);
        if (++refusals == kMostRefusals || !hasAnotherPlan(job, planning)) break;
        Result<Made> next = co_await make(job, goal, planning);
        if (!next && endsJob(next.error())) co_return next;
        if (!next) {
            job.event("planner", "no other plan: " + next.error().message);
            break;
        }
        made = next;
    }
    if (!made || made->proof.verdict) co_return made;
    const int before = refusals - (refusesPlan(goal, made->proof) ? 1 : 0);
    if (before > 0) {
        Error error = made->proof.verdict.error();
        error.message += "; before that the board refused " + std::to_string(before) +
                         (before == 1 ? " plan" : " plans") + ", see the job's report";
        made->proof.verdict = std::unexpected(error);
    }
    co_return made;
}

}  // namespace

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

    Result<Made> made = co_await makeWhatTheBoardTakes(job, *goal);
    if (!made) co_return std::unexpected(made.error());
    ReleaseWishes wishes{request.rollout, request.force};
    Result<Json> released = co_await release(job, fleet, *goal, made->draft, made->proof, wishes);
    co_return released;
}

}  // namespace tinsmith
