#include "handlers/requests/learn.hpp"

#include <algorithm>
#include <vector>

#include "handlers/flow/files.hpp"
#include "handlers/plan/fixed.hpp"
#include "handlers/plan/search.hpp"
#include "handlers/requests/code_features.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/looks.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace {

constexpr int kPlanUntil = 60;
constexpr int kFitUntil = 70;
// Of the budget, for the search's first plans: what a language model has to beat, and what there is
// when it never answers.
constexpr double kFirstShare = 0.2;

// The built-in search until the target holds, `untilMs` of the budget are spent or it has nothing
// left to try.
Task<Status> followSearch(Job& job, Goal goal, Books& books, std::int64_t untilMs) {
    std::vector<plan::Trial> trials = plan::nextTrials(goal.searchInput(), books.outcomes);
    while (!trials.empty()) {
        if (trials.front().rung == 2 && untilMs >= goal.budgetMs) {
            const Status compared = co_await compareLeaders(job, goal, books);
            if (!compared) co_return compared;
            trials = plan::nextTrials(goal.searchInput(), books.outcomes);
        }
        for (const plan::Trial& candidate : trials) {
            const Candidate* best = bestOf(books, goal);
            const bool any = best != nullptr;
            const bool spent = job.consumedMs() >= untilMs || !budgetLeft(job, goal, books);
            if (targetHolds(job, goal, books) || (any && spent)) co_return Status();
            if (candidate.rung == 2 && untilMs >= goal.budgetMs && timeToCompare(job, goal, books))
                co_return Status();
            // What is left of the first share is no time for a whole training.
            if (any && candidate.rung > 0 && untilMs < goal.budgetMs &&
                job.consumedMs() + best->trialMs() > untilMs) {
                co_return Status();
            }
            // A first full-length trial is always made: without one there would be no model at all.
            Try next;
            next.trial = candidate;
            if (!any && spent) next.trial.rung = 1;
            next.planner = plan::fixesAll(goal.fixed) ? "asker" : "search";
            next.mostMs = std::min(mostMsOfTrial(job, goal, books),
                                   std::max<std::int64_t>(1, untilMs - job.consumedMs()));
            job.progress(percentOf(job, goal), "tries " + describe(plan::toJson(candidate.plan)));
            const Status tried = co_await tryPlan(job, goal, books, next);
            if (!tried) co_return tried;
            const Status confirmed = co_await confirmBest(job, goal, books);
            if (!confirmed) co_return confirmed;
        }
        trials = plan::nextTrials(goal.searchInput(), books.outcomes);
    }
    co_return Status();
}

Status nothingFits(const Goal& goal) {
    const plan::Feasibility smallest = plan::smallestCandidate(goal.searchInput());
    return fail(Code::not_feasible, "no network fits: " + smallest.sentence,
                "relax limits/" + smallest.broken + " or choose a larger board", "/limits");
}

// Code that the asker wrote is in every plan: its fault ends the job at once, and is told to the
// asker.
Task<Status> checkFixedCode(Job& job, Goal goal, plan::Plan plan) {
    if (!goal.fixed.is_object() || !goal.fixed.contains("code")) co_return Status();
    Result<Json> checked = co_await codeStep(job, goal, plan::toJson(plan));
    if (checked) co_return Status();
    Error error = checked.error();
    if (!error.path.empty()) error.path = "/plan" + error.path;
    co_return std::unexpected(error);
}

// A trial may have been cut short to leave room for others; where time is left in the end, the
// final fit takes what the plan asks for.
int epochsOfFit(const Job& job, const Goal& goal, const Candidate& best) {
    const int tried = best.choice.epochs;
    const int planned = best.plan.training.epochs;
    const auto left = static_cast<double>(goal.budgetMs - job.consumedMs());
    const double each = kFitOverTrial * std::max(best.choice.epochMs, 1e-3);
    return std::max(tried, static_cast<int>(std::min<double>(planned, left / each)));
}

// Whether there is something for a language model to decide.
bool asksModel(const Goal& goal) {
    return goal.llmCalls > 0 && !plan::fixesAll(goal.fixed);
}

}  // namespace

Task<Result<Choice>> choosePlan(Job& job, Planning& planning) {
    const Goal& goal = planning.goal;
    Books& books = planning.books;
    Conversation& talk = planning.talk;
    const bool begins = books.tried == 0;
    if (begins) {
        const std::vector<plan::Trial> first = plan::nextTrials(goal.searchInput(), {});
        if (first.empty()) co_return std::unexpected(nothingFits(goal).error());
        const Status code = co_await checkFixedCode(job, goal, first.front().plan);
        if (!code) co_return std::unexpected(code.error());
    }
    if (asksModel(goal)) {
        if (begins) {
            const std::int64_t share = msOfBudget(goal, kFirstShare);
            const Status begun = co_await followSearch(job, goal, books, share);
            if (!begun) co_return std::unexpected(begun.error());
        }
        const Status followed = co_await followModel(job, goal, books, talk);
        if (!followed) co_return std::unexpected(followed.error());
    }
    const Status followed = co_await followSearch(job, goal, books, goal.budgetMs);
    if (!followed) co_return std::unexpected(followed.error());
    const Status looked = co_await lookAgain(job, goal, books);
    if (!looked) co_return std::unexpected(looked.error());
    const Candidate* best = bestOf(books, goal);
    if (best == nullptr) {
        Error error = books.lastFault.value_or(Error{Code::internal, "none was tried", "", ""});
        error.message = "no plan could be trained: " + error.message;
        if (error.hint.empty()) error.hint = "see the job's log for each attempt";
        co_return std::unexpected(error);
    }
    Choice choice = best->choice;
    choice.epochs = epochsOfFit(job, goal, *best);
    choice.attempts = books.tried;
    choice.llmCalls = talk.spent.calls;
    choice.llmTokens = talk.spent.tokens;
    co_return choice;
}

Task<Result<Json>> dryRun(Job& job, Goal goal) {
    const std::vector<plan::Trial> first = plan::nextTrials(goal.searchInput(), {});
    if (first.empty()) co_return std::unexpected(nothingFits(goal).error());
    const Status code = co_await checkFixedCode(job, goal, first.front().plan);
    if (!code) co_return std::unexpected(code.error());
    plan::Plan chosen = first.front().plan;
    std::string planner = "search";
    if (asksModel(goal)) {
        const Books books;
        Conversation talk;
        Result<Proposal> answer = co_await propose(job, goal, books, talk);
        if (answer) {
            chosen = answer->plan;
            planner = answer->model;
        } else if (answer.error().code == Code::cancelled) {
            co_return std::unexpected(answer.error());
        }
    }
    const plan::Feasibility fit = plan::check(chosen, goal.window(), goal.limits);
    co_return Json{{"dry_run", true},
                   {"plan", plan::toJson(chosen)},
                   {"planner", planner},
                   {"fit", plan::toJson(fit)}};
}

// ---- The final network
// ----------------------------------------------------------------------------------------------

namespace {

Task<Result<Json>> runFit(Job& job, Goal goal, Json plan, int epochs, Json start) {
    Json input = {{"dataset", job.world().artefacts.path(goal.data).string()},
                  {"plan", plan},
                  {"seed", goal.seed},
                  {"parts", Json::array({"train", "validation"})},
                  {"epochs", epochs},
                  {"early_stopping", false}};
    if (!start.is_null()) {
        auto folder = restoreNetwork(job, start);
        if (!folder) co_return std::unexpected(folder.error());
        input["start"] = folder->string();
    }
    Result<Json> ready = co_await withCodeFeatures(job, input, kPlanUntil);
    if (!ready) co_return std::unexpected(ready.error());
    Result<Json> trained =
        co_await runStage(job, "tinsmith-train", "", *ready, "fit", kPlanUntil, kFitUntil);
    if (!trained) co_return std::unexpected(trained.error());
    const std::filesystem::path folder =
        std::filesystem::path(trained->value("folder", "")) / trained->value("network", "network");
    auto network = readJsonFile(folder / "network.json", 1 << 20);
    if (!network) co_return std::unexpected(network.error());
    auto weights = job.world().artefacts.putFile(folder / "weights.bin");
    if (!weights) co_return std::unexpected(weights.error());
    co_return Json{{"network_json", *network}, {"weights", *weights}};
}

}  // namespace

Task<Result<Json>> fit(Job& job, Goal goal, Json plan, int epochs, Json start) {
    const Json inputs = {{"plan", plan},
                         {"epochs", epochs},
                         {"data", goal.data},
                         {"seed", goal.seed},
                         {"start", start.is_null() ? start : start["weights"]}};
    Result<Json> fitted =
        co_await job.step("fit", inputs, runFit(job, goal, plan, epochs, start), Weight::heavy);
    co_return fitted;
}

}  // namespace tinsmith
