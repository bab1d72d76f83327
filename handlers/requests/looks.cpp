#include "handlers/requests/looks.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace tinsmith {

namespace {

// So many further looks at each of so many leading plans.
constexpr int kFurtherLooks = 5;
constexpr std::size_t kLeaders = 6;
// From so many groups on, validation is a fair sample of them.
constexpr int kManyGroups = 10;

int groupsOf(const Goal& goal, const char* part) {
    const Json groups = goal.card.value("groups", Json::object()).value(part, Json::object());
    return groups.value("count", 0);
}

// Another cut may tell something else: few groups, or a series, whose last days are validation.
bool cutMatters(const Goal& goal) {
    const int validation = groupsOf(goal, "validation");
    return goal.searchInput().series ||
           (validation > 0 && validation < kManyGroups && groupsOf(goal, "train") > 1);
}

// The look and the final fit take as long as the longest trial each.
bool roomToConfirm(const Job& job, const Goal& goal, const Books& books) {
    return job.consumedMs() + 2 * books.longestTrialMs < goal.budgetMs;
}

bool needsConfirming(const Job& job, const Goal& goal, const Books& books) {
    const Candidate* best = bestOf(books, goal);
    return best != nullptr && reaches(*best, goal) && best->looks == 1 && cutMatters(goal) &&
           roomToConfirm(job, goal, books);
}

// How a plan sees its data: a network more or less changes little beside it.
Json viewOf(const Json& plan) {
    Json view;
    for (const char* key : {"features", "windowing", "conditioning"}) {
        if (plan.contains(key)) view[key] = plan[key];
    }
    return view;
}

// The plans that lead after one look: first the best of each view, then the rest.
std::vector<plan::Plan> leaders(const Books& books) {
    std::vector<const Candidate*> list;
    for (const Candidate& each : books.candidates) {
        if (each.full && each.mean() < 1) list.push_back(&each);
    }
    if (list.size() < 2) return {};
    std::ranges::stable_sort(list, std::greater(),
                             [](const Candidate* each) { return each->mean(); });
    std::vector<Json> views;
    std::ranges::stable_partition(list, [&](const Candidate* each) {
        Json view = viewOf(each->choice.plan);
        const bool fresh = std::ranges::find(views, view) == views.end();
        if (fresh) views.push_back(std::move(view));
        return fresh;
    });
    std::vector<plan::Plan> plans;
    for (const Candidate* each : list) {
        if (plans.size() < kLeaders) plans.push_back(each->plan);
    }
    return plans;
}

// `number` from 1: each sees other groups and has another seed.
Task<Status> look(Job& job, Goal goal, Books& books, plan::Plan plan, int number) {
    Try again;
    again.trial.plan = plan;
    again.trial.rung = 2;
    again.planner = "search";
    again.reason = "The same plan on other validation groups and with another seed.";
    again.mostMs = std::max<std::int64_t>(1, (goal.budgetMs - job.consumedMs()) / 2);
    again.forSearch = false;
    again.fold = number;
    goal.seed += 1000 * static_cast<std::uint64_t>(number);
    job.progress(percentOf(job, goal), "looks again at " + describe(plan::toJson(plan)));
    const Status tried = co_await tryPlan(job, goal, books, again);
    co_return tried;
}

}  // namespace

bool targetHolds(const Job& job, const Goal& goal, const Books& books) {
    const Candidate* best = bestOf(books, goal);
    return best != nullptr && reaches(*best, goal) && !needsConfirming(job, goal, books);
}

Task<Status> confirmBest(Job& job, Goal goal, Books& books) {
    if (!needsConfirming(job, goal, books)) co_return Status();
    const plan::Plan plan = bestOf(books, goal)->plan;
    const Status looked = co_await look(job, goal, books, plan, 1);
    co_return looked;
}

Task<Status> lookAgain(Job& job, Goal goal, Books& books) {
    const std::vector<plan::Plan> plans = leaders(books);
    for (int number = 1; number <= kFurtherLooks; ++number) {
        for (const plan::Plan& plan : plans) {
            if (targetHolds(job, goal, books) || !budgetLeft(job, goal, books)) co_return Status();
            const Status looked = co_await look(job, goal, books, plan, number);
            if (!looked) co_return looked;
        }
    }
    co_return Status();
}

}  // namespace tinsmith
