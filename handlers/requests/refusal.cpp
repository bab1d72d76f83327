#include "handlers/requests/refusal.hpp"

#include <algorithm>

#include "handlers/plan/fixed.hpp"
#include "handlers/requests/figures.hpp"
#include "handlers/requests/report.hpp"

namespace tinsmith {

namespace {

// Of the budget, until which it is worth while to plan further.
constexpr double kPlanFurtherUntil = 0.5;

bool timeToPlan(const Job& job, const Goal& goal) {
    return job.consumedMs() < msOfBudget(goal, kPlanFurtherUntil);
}

std::uint64_t lessBy(std::uint64_t limit, std::uint64_t measured, std::uint64_t foreseen) {
    const std::uint64_t missed = measured > foreseen ? measured - foreseen : 0;
    return limit > missed ? limit - missed : 0;
}

Json codeOf(const Json& plan) {
    return plan.is_object() ? plan.value("code", Json()) : Json();
}

// Code that the planner of this plan wrote, and other plans do without; null where there is none.
Json ownCode(const Goal& goal, const Json& plan) {
    return codeOf(goal.fixed).is_null() ? codeOf(plan) : Json();
}

std::string inWords(const plan::Feasibility& foreseen, const Proof& proof) {
    std::string text = "REFUSED BY THE BOARD: " + proof.verdict.error().message;
    if (proof.measured.empty()) return text;
    const double latency = plan::latencyFromJson(proof.measured).high;
    return text + "; measured " + kilobytes(proof.measured.value("image_bytes", std::uint64_t{0})) +
           " of flash, " + kilobytes(proof.measured.value("ram_bytes", std::uint64_t{0})) +
           " of RAM and up to " + milliseconds(latency) + " a window, foreseen " +
           kilobytes(foreseen.flashBytes) + ", " + kilobytes(foreseen.ramBytes) + " and " +
           milliseconds(foreseen.cost.latency.high);
}

}  // namespace

bool refusesPlan(const Goal& goal, const Proof& proof) {
    if (proof.verdict) return false;
    const Code code = proof.verdict.error().code;
    if (code == Code::preflight_failed) return codeOf(goal.fixed).is_null();
    return code == Code::not_feasible;
}

void narrow(plan::BoardLimits& limits, const plan::BoardLimits& asked,
            const plan::Feasibility& foreseen, const Json& measured) {
    const auto image = measured.value("image_bytes", std::uint64_t{0});
    const auto ram = measured.value("ram_bytes", std::uint64_t{0});
    const double latency = plan::latencyFromJson(measured).high;
    if (image > asked.flashBytes) {
        limits.flashBytes =
            std::min(limits.flashBytes, lessBy(asked.flashBytes, image, foreseen.flashBytes));
    }
    if (ram > asked.ramBytes) {
        limits.ramBytes = std::min(limits.ramBytes, lessBy(asked.ramBytes, ram, foreseen.ramBytes));
    }
    if (asked.latencyMs > 0 && latency > asked.latencyMs) {
        limits.latencyMs =
            std::min(limits.latencyMs, asked.latencyMs * foreseen.cost.latency.high / latency);
    }
}

void noteRefusal(Job& job, const Goal& asked, Planning& planning, const Choice& refused,
                 const Proof& proof) {
    Books& books = planning.books;
    Goal& goal = planning.goal;
    const auto candidate = std::ranges::find_if(
        books.candidates, [&](const Candidate& each) { return each.choice.plan == refused.plan; });
    const plan::Feasibility foreseen = plan::check(candidate->plan, goal.window(), goal.limits);
    plan::Attempt& attempt = books.attempts[candidate->attempt];
    attempt.refused = true;
    attempt.facts.insert(attempt.facts.begin(), inWords(foreseen, proof));
    job.event("refused", describe(refused.plan) + ": " + proof.verdict.error().message,
              toJson(proof.verdict.error()));
    reportAttempt(job, attempt, "", 0, foreseen);

    const Json code = ownCode(goal, refused.plan);
    if (code.is_null()) {
        narrow(goal.limits, asked.limits, foreseen, proof.measured);
    } else {
        books.refusedCode.push_back(code);
    }
    const auto passes = [&](const plan::Plan& plan) {
        const Json json = plan::toJson(plan);
        const bool sameCode = !code.is_null() && codeOf(json) == code;
        return json != refused.plan && !sameCode &&
               plan::check(plan, goal.window(), goal.limits).fits;
    };
    std::erase_if(books.candidates, [&](const Candidate& each) { return !passes(each.plan); });
    for (plan::Outcome& outcome : books.outcomes) {
        if (!passes(outcome.trial.plan)) outcome.accuracy = outcome.lower90 = 0;
    }
    // What joins now had none of the looks so far: all compare anew.
    if (timeToPlan(job, goal)) {
        books.shared = 0;
        for (Candidate& each : books.candidates) each.fellBehind = false;
    }
}

bool hasAnotherPlan(const Job& job, const Planning& planning) {
    if (bestOf(planning.books, planning.goal) != nullptr) return true;
    return !plan::fixesAll(planning.goal.fixed) && timeToPlan(job, planning.goal) &&
           !plan::nextTrials(planning.goal.searchInput(), {}).empty();
}

}  // namespace tinsmith
