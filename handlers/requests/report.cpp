#include "handlers/requests/report.hpp"

#include <utility>

namespace tinsmith {

void reportGoal(Job& job, const Goal& goal) {
    Json& report = job.report();
    report["goal"] = {{"model", goal.model},
                      {"task", goal.task},
                      {"dataset", goal.dataset},
                      {"data_digest", goal.data},
                      {"board", goal.board},
                      {"target", goal.target},
                      {"limits",
                       {{"flash_bytes", goal.limits.flashBytes},
                        {"ram_bytes", goal.limits.ramBytes},
                        {"latency_ms", goal.limits.latencyMs}}}};
    if (!goal.advice.empty()) report["goal"]["advice"] = goal.advice;
    if (!goal.fixed.is_null()) report["goal"]["fixed"] = goal.fixed;
    report["data"] = {{"card", goal.card}, {"plots", goal.plots}};
    report["attempts"] = Json::array();
    report["calls"] = Json::array();
    report["looks"] = Json::array();
}

void reportAttempt(Job& job, const plan::Attempt& attempt, const std::string& reason,
                   std::int64_t ms, const plan::Feasibility& cost) {
    Json entry = {{"number", attempt.number},
                  {"planner", attempt.planner},
                  {"reason", reason.empty() ? attempt.plan.value("reason", "") : reason},
                  {"plan", attempt.plan},
                  {"verdict", !attempt.measured ? "not trained"
                              : attempt.refused ? "refused by the board"
                              : attempt.full    ? "trained"
                                                : "quick look"},
                  {"facts", attempt.facts},
                  {"ms", ms}};
    if (attempt.measured) {
        entry["accuracy"] = attempt.accuracy;
        entry["lower90"] = attempt.lower90;
        entry["cost"] = plan::toJson(cost);
    }
    Json& attempts = job.report()["attempts"];
    const auto place = static_cast<std::size_t>(attempt.number) - 1;
    if (place < attempts.size()) {
        entry["ms"] = ms + attempts[place].value("ms", std::int64_t{0});
        if (reason.empty()) entry["reason"] = attempts[place]["reason"];
        attempts[place] = std::move(entry);
    } else {
        attempts.push_back(std::move(entry));
    }
}

void reportRecipe(Job& job, Json recipe) {
    job.report()["recipes"].push_back(std::move(recipe));
}

void reportLook(Job& job, const plan::Look& look) {
    job.report()["looks"].push_back({{"query", look.query}, {"answer", look.answer}});
}

}  // namespace tinsmith
