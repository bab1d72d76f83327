// Successive halving (Jamieson and Talwalkar, 2016): many plans get a short look, the better ones
// are trained in full, and the best of all is varied as long as that helps. The plan that usually
// wins is trained in full before anything else, because most jobs are done with it.
#include "handlers/plan/search.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "handlers/plan/candidates.hpp"
#include "handlers/plan/fixed.hpp"

namespace tinsmith::plan {
namespace {

constexpr std::size_t kFirst = 6;        // candidates: the favourite and those of rung 0
constexpr std::size_t kLater = 2;        // of rung 1
constexpr std::size_t kRefinements = 4;  // of rung 2, each time that the best plan is a new one
constexpr std::size_t kMostRefinements = 12;
constexpr double kShortLook = 0.35;
constexpr std::size_t kTinyData =
    600;  // train windows: a full training is as quick as a short look

std::string keyOf(const Plan& plan) {
    Json json = toJson(plan);
    json.erase("reason");
    return canonical(json);
}

bool fits(const Plan& plan, const SearchInput& input) {
    return check(plan, input.window, input.limits).fits;
}

std::vector<Plan> feasible(const std::vector<Plan>& written, const SearchInput& input) {
    std::vector<Plan> plans = allWithFixed(written, input.fixed, input.window);
    std::erase_if(plans, [&](const Plan& plan) { return !fits(plan, input); });
    return plans;
}

// Short looks, best first. Plans of another planner were never on this rung, so they displace
// nobody; what fitted once may not fit narrower limits.
std::vector<const Outcome*> rankedLooks(const SearchInput& input,
                                        const std::vector<Outcome>& soFar) {
    std::vector<const Outcome*> list;
    for (const auto& outcome : soFar) {
        if (outcome.trial.rung == 0 && fits(outcome.trial.plan, input)) list.push_back(&outcome);
    }
    std::stable_sort(list.begin(), list.end(),
                     [](const Outcome* a, const Outcome* b) { return a->accuracy > b->accuracy; });
    if (list.size() > kLater) list.resize(kLater);
    return list;
}

}  // namespace

std::vector<Trial> nextTrials(const SearchInput& input, const std::vector<Outcome>& soFar) {
    std::set<std::string> looked;   // at least a short look
    std::set<std::string> trained;  // in full
    for (const auto& outcome : soFar) {
        looked.insert(keyOf(outcome.trial.plan));
        if (outcome.trial.epochsScale >= 1) trained.insert(keyOf(outcome.trial.plan));
    }
    std::vector<Trial> next;
    std::vector<Plan> first = feasible(candidates(input), input);
    if (first.size() > kFirst) first.resize(kFirst);

    const bool tiny = input.trainWindows < kTinyData;
    for (std::size_t i = 0; i < first.size(); ++i) {
        if (looked.contains(keyOf(first[i]))) continue;
        const bool inFull = tiny || i == 0;
        next.push_back({std::move(first[i]), inFull ? 1 : kShortLook, inFull ? 1 : 0});
        if (i == 0) break;
    }
    if (!next.empty()) return next;
    if (!tiny) {
        for (const Outcome* outcome : rankedLooks(input, soFar)) {
            if (!trained.contains(keyOf(outcome->trial.plan)))
                next.push_back({outcome->trial.plan, 1, 1});
        }
        if (!next.empty()) return next;
    }
    const auto best = bestOutcome(soFar);
    if (!best || soFar[*best].accuracy >= 1)
        return next;  // validation cannot tell anything better apart
    std::size_t refined = 0;
    for (const auto& outcome : soFar) refined += outcome.trial.rung == 2 ? 1 : 0;
    const bool helped = soFar[*best].trial.rung == 2;
    if (refined >= kMostRefinements || (refined > 0 && !helped)) return next;
    for (auto& plan : feasible(variations(soFar[*best].trial.plan, input), input)) {
        if (next.size() == kRefinements) break;
        if (!trained.contains(keyOf(plan))) next.push_back({std::move(plan), 1, 2});
    }
    return next;
}

std::optional<std::size_t> bestOutcome(const std::vector<Outcome>& soFar) {
    if (soFar.empty()) return std::nullopt;
    const auto ahead = [](const Outcome& a, const Outcome& b) {
        return a.accuracy != b.accuracy ? a.accuracy > b.accuracy : a.lower90 > b.lower90;
    };
    std::size_t best = 0;
    for (std::size_t i = 1; i < soFar.size(); ++i) {
        if (ahead(soFar[i], soFar[best])) best = i;
    }
    return best;
}

Feasibility smallestCandidate(const SearchInput& input) {
    Feasibility least;
    bool any = false;
    for (const auto& plan : allWithFixed(candidates(input), input.fixed, input.window)) {
        Feasibility found = check(plan, input.window, input.limits);
        const bool smaller =
            !any || found.flashBytes + found.ramBytes < least.flashBytes + least.ramBytes;
        if (found.fits || (smaller && !least.fits)) least = std::move(found);
        any = true;
        if (least.fits) break;
    }
    return least;
}

}  // namespace tinsmith::plan
