#include "handlers/requests/looks.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tinsmith {

namespace {

// So many plans lead, and there are four other cuts of the data (dataset/folds.hpp) to look at
// them. After each cut the better two thirds go on, the best of each view before the others.
constexpr std::size_t kLeaders = 6;
constexpr int kFurtherLooks = 4;
// From so many groups on, validation is a fair sample of them.
constexpr int kManyGroups = 10;

Json groupsOf(const Goal& goal, const char* part) {
    return goal.card.value("groups", Json::object()).value(part, Json::object());
}

// Few groups, and others in train to change places with.
bool fewGroups(const Goal& goal) {
    const Json train = groupsOf(goal, "train");
    const Json validation = groupsOf(goal, "validation");
    const int count = validation.value("count", 0);
    const Json learnt = train.value("names", Json::array());
    const bool shared = std::ranges::any_of(
        validation.value("names", Json::array()),
        [&](const Json& name) { return std::ranges::find(learnt, name) != learnt.end(); });
    return !shared && count > 0 && count < kManyGroups && train.value("count", 0) > 1;
}

// Another cut may tell something else: few groups, or a series, whose last days are validation.
bool cutMatters(const Goal& goal) {
    return goal.searchInput().series || fewGroups(goal);
}

bool roomToLook(const Job& job, const Goal& goal, const Books& books, const Candidate& plan) {
    return job.consumedMs() + plan.trialMs() + fitMs(goal, books) < goal.budgetMs;
}

// The best plan where it reaches the target; else null.
const Candidate* reaching(const Books& books, const Goal& goal) {
    const Candidate* best = bestOf(books, goal);
    return best != nullptr && reaches(*best, goal) ? best : nullptr;
}

bool needsConfirming(const Job& job, const Goal& goal, const Books& books, const Candidate& plan) {
    return plan.asked == 1 && cutMatters(goal) && roomToLook(job, goal, books, plan);
}

// How a plan sees its data: a network more or less changes little beside it.
Json viewOf(const Json& plan) {
    Json view;
    for (const char* key : {"features", "windowing", "conditioning"}) {
        if (plan.contains(key)) view[key] = plan[key];
    }
    return view;
}

// How many looks two of the plans have at least.
std::size_t looksOfTwo(const Books& books, const std::vector<std::size_t>& plans) {
    std::vector<std::size_t> counts;
    for (const std::size_t plan : plans) counts.push_back(books.candidates[plan].looks.size());
    std::ranges::sort(counts, std::greater());
    return counts.size() < 2 ? 0 : counts[1];
}

// The first of each view, then the rest: plans that see their data alike go right or wrong together
// on unseen data, so that none of them stands for another view.
std::vector<std::size_t> viewsFirst(const Books& books, const std::vector<std::size_t>& plans) {
    std::vector<Json> views;
    std::vector<std::size_t> first, rest;
    for (const std::size_t plan : plans) {
        Json view = viewOf(books.candidates[plan].choice.plan);
        const bool fresh = std::ranges::find(views, view) == views.end();
        (fresh ? first : rest).push_back(plan);
        if (fresh) views.push_back(std::move(view));
    }
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
}

// The plans that lead: the best so far, then by their first look the best of each view, then the
// rest. None where a plan is always right, for nothing can be told apart from it.
std::vector<std::size_t> leaders(const Books& books, const Goal& goal) {
    std::vector<std::size_t> list;
    for (std::size_t i = 0; i < books.candidates.size(); ++i) {
        if (books.candidates[i].full) list.push_back(i);
    }
    if (list.size() < 2) return {};
    const Candidate* best = bestOf(books, goal);
    if (best->mean() >= 1) return {};
    std::ranges::stable_sort(list, std::greater(), [&](std::size_t i) {
        return std::pair(&books.candidates[i] == best, standing(books.candidates[i], 1));
    });
    list = viewsFirst(books, list);
    if (list.size() > kLeaders) list.resize(kLeaders);
    return list;
}

// The next look at a candidate: on another cut, with another seed, for as many epochs as the first.
Task<Status> look(Job& job, Goal goal, Books& books, std::size_t index) {
    const Candidate& candidate = books.candidates[index];
    Try again;
    again.trial.plan = candidate.plan;
    again.trial.rung = 2;
    again.trial.epochsScale = std::min(
        1.0, static_cast<double>(candidate.choice.epochs) / candidate.plan.training.epochs);
    again.planner = "search";
    again.reason = "The same plan with another part of the data as validation, and another seed.";
    again.forSearch = false;
    again.fold = candidate.asked;
    goal.seed += 1000 * static_cast<std::uint64_t>(again.fold);
    job.progress(percentOf(job, goal), "looks again at " + describe(candidate.choice.plan));
    const Status tried = co_await tryPlan(job, goal, books, again);
    co_return tried;
}

// One more look at each, best first. False where the budget or the target ended it before the last.
Task<Result<bool>> lookRound(Job& job, Goal goal, Books& books, std::vector<std::size_t> plans,
                             int round) {
    for (const std::size_t plan : plans) {
        // Its looks would no longer be on the cuts of the others.
        const bool failed = books.candidates[plan].looks.size() <
                            static_cast<std::size_t>(books.candidates[plan].asked);
        if (!failed && books.candidates[plan].asked <= round) {
            const bool room = roomToLook(job, goal, books, books.candidates[plan]);
            if (targetHolds(job, goal, books) || !room) co_return false;
            const Status looked = co_await look(job, goal, books, plan);
            if (!looked) co_return std::unexpected(looked.error());
        }
        // No more than this round's: a plan that joined late has no more.
        const std::size_t looks = static_cast<std::size_t>(round) + 1;
        books.shared = std::max(books.shared, std::min(looks, looksOfTwo(books, plans)));
    }
    co_return true;
}

// The search varies the plan with the highest outcome: that is now the best one's.
void buildOnBest(const Goal& goal, Books& books) {
    const Candidate* best = bestOf(books, goal);
    if (best == nullptr) return;
    const double below = std::nextafter(best->choice.accuracy, 0.0);
    for (plan::Outcome& outcome : books.outcomes) {
        if (plan::toJson(outcome.trial.plan) != best->choice.plan)
            outcome.accuracy = std::min(outcome.accuracy, below);
    }
}

}  // namespace

bool targetHolds(const Job& job, const Goal& goal, const Books& books) {
    const Candidate* best = reaching(books, goal);
    return best != nullptr && !needsConfirming(job, goal, books, *best);
}

Task<Status> confirmBest(Job& job, Goal goal, Books& books) {
    const Candidate* best = reaching(books, goal);
    if (best == nullptr || !needsConfirming(job, goal, books, *best)) co_return Status();
    const auto index = static_cast<std::size_t>(best - books.candidates.data());
    const Status looked = co_await look(job, goal, books, index);
    co_return looked;
}

bool timeToCompare(const Job& job, const Goal& goal, const Books& books) {
    if (books.shared > 0) return false;
    const std::vector<std::size_t> plans = leaders(books, goal);  // the best one first
    if (plans.size() < 2) return false;
    const auto lookMs = [&](std::size_t plan) { return books.candidates[plan].trialMs(); };
    std::int64_t round = 0;
    for (const std::size_t plan : plans) round += lookMs(plan);
    const std::int64_t left = goal.budgetMs - job.consumedMs() - fitMs(goal, books);
    const std::int64_t variation = lookMs(plans[0]);
    return left > lookMs(plans[0]) + lookMs(plans[1]) && left < variation + round;
}

Task<Status> compareLeaders(Job& job, Goal goal, Books& books) {
    if (!cutMatters(goal)) co_return Status();
    const std::vector<std::size_t> plans = leaders(books, goal);
    const Result<bool> whole = co_await lookRound(job, goal, books, plans, 1);
    if (!whole) co_return std::unexpected(whole.error());
    buildOnBest(goal, books);
    co_return Status();
}

Task<Status> lookAgain(Job& job, Goal goal, Books& books) {
    std::vector<std::size_t> plans = leaders(books, goal);
    for (int round = 1; round <= kFurtherLooks && plans.size() > 1; ++round) {
        const Result<bool> whole = co_await lookRound(job, goal, books, plans, round);
        if (!whole) co_return std::unexpected(whole.error());
        if (!*whole) co_return Status();
        std::ranges::stable_sort(plans, std::greater(), [&](std::size_t plan) {
            return standing(books.candidates[plan], books.shared);
        });
        plans = viewsFirst(books, plans);
        const std::size_t further = (2 * plans.size() + 2) / 3;
        for (std::size_t i = further; i < plans.size(); ++i)
            books.candidates[plans[i]].fellBehind = true;
        plans.resize(further);
    }
    co_return Status();
}

}  // namespace tinsmith
