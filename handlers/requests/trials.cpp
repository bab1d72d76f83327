#include "handlers/requests/trials.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "handlers/plan/facts.hpp"
#include "handlers/plan/pace.hpp"
#include "handlers/requests/code_features.hpp"
#include "handlers/requests/figures.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/report.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace {

// Planning and training take the first 60 percent of a job.
constexpr int kPlanUntil = 60;
// Fewer epochs than this share tell nothing of a plan.
constexpr double kLeastShare = 0.05;
// Looks from which a standard error means something.
constexpr std::size_t kLooksForError = 3;
constexpr double kStartMs = 1000 * plan::kStartSeconds;
// Standard errors between a mean and its one-sided lower 90 % bound.
constexpr double kErrorsOfLower90 = 1.2816;

Json measured(const Json& validation) {
    Json facts;
    for (const char* key : {"accuracy", "lower90", "windows", "correct"}) {
        if (validation.contains(key)) facts[key] = validation[key];
    }
    return facts;
}

Task<Result<Json>> runTrial(Job& job, Goal goal, Json plan, double epochsScale, bool withInt8,
                            int fold) {
    const int from = percentOf(job, goal);
    const std::string data = job.world().artefacts.path(goal.data).string();
    Json train = {{"dataset", data},
                  {"plan", plan},
                  {"seed", goal.seed},
                  {"parts", Json::array({"train"})},
                  {"epochs_scale", epochsScale},
                  // The final fit has no validation to stop by. In a series other days differ as
                  // the days to come will, so a further look shows what it will do; a group that is
                  // left out is one that the final fit has.
                  {"early_stopping", fold == 0 || !goal.searchInput().series}};
    if (fold > 0) train["fold"] = fold;
    Result<Json> input = co_await withCodeFeatures(job, train, from);
    if (!input) co_return std::unexpected(input.error());
    Result<Json> trained =
        co_await runStage(job, "tinsmith-train", "", *input, "train", from, from);
    if (!trained) co_return std::unexpected(trained.error());
    Json result = {{"float", trained->value("validation", Json::object())},
                   {"epochs", trained->value("epochs", 0)},
                   {"best_epoch", trained->value("best_epoch", 0)},
                   {"train_accuracy", trained->value("train_accuracy", 0.0)},
                   {"curve", trained->value("curve", Json::array())}};
    result["validation"] = result["float"];
    if (withInt8) {
        const std::filesystem::path folder = trained->value("folder", "");
        const std::filesystem::path network = folder / trained->value("network", "network");
        const Json parts = Json::array({"validation"});
        Result<Json> int8 = co_await toInt8(job, goal, plan, network, parts, from, from, fold);
        if (!int8) co_return std::unexpected(int8.error());
        result["validation"] =
            int8->value("parts", Json::object()).value("validation", Json::object());
    }
    co_return result;
}

Candidate& candidateOf(Books& books, const plan::Plan& plan) {
    const Json json = plan::toJson(plan);
    const auto it = std::ranges::find_if(
        books.candidates, [&](const Candidate& each) { return each.choice.plan == json; });
    if (it != books.candidates.end()) return *it;
    Candidate fresh;
    fresh.plan = plan;
    fresh.choice.plan = json;
    books.candidates.push_back(std::move(fresh));
    return books.candidates.back();
}

std::vector<std::string> factsOf(const Goal& goal, const Json& result, const plan::Feasibility& fit,
                                 double share, bool full) {
    std::vector<std::string> facts;
    const Json& validation = result["validation"];
    const auto classes = goal.card.value("classes", Json::array()).get<std::vector<std::string>>();
    if (share < 1) {
        facts.push_back((full ? "trained for " : "a quick look, trained for ") +
                        std::to_string(std::lround(share * 100)) + " % of its epochs" +
                        (full ? ", because the budget allows no more" : ""));
    }
    const Json confusion = validation.value("confusion", Json::array());
    const std::string wrong = plan::confusionText(confusion, classes);
    if (!confusion.empty())
        facts.push_back(wrong.empty() ? "every validation window is right" : wrong);
    const std::string curve = plan::curveText(result.value("curve", Json::array()));
    if (!curve.empty()) facts.push_back(curve);
    const double lost = result["float"].value("accuracy", 0.0) - validation.value("accuracy", 0.0);
    if (full && lost > 0.005) facts.push_back("int8 loses " + percent(lost) + " against float");
    facts.push_back(plan::costFacts(fit));
    return facts;
}

plan::Attempt& attemptOf(Books& books, const Try& wanted, const Json& plan) {
    if (wanted.again) return books.attempts[*wanted.again];
    plan::Attempt attempt;
    attempt.number = static_cast<int>(books.attempts.size()) + 1;
    attempt.planner = wanted.planner;
    attempt.plan = plan;
    books.attempts.push_back(std::move(attempt));
    return books.attempts.back();
}

// What of the plan's epochs fits into the time that it may take.
double shareOf(const Goal& goal, const Books& books, const Try& wanted) {
    const double asked = wanted.trial.epochsScale;
    if (wanted.mostMs <= 0) return asked;
    const double pace = books.pace > 0 ? books.pace : 1;
    const double seconds =
        plan::trainingSeconds(wanted.trial.plan, goal.window(), goal.searchInput().trainWindows) *
        pace * asked;
    if (seconds * 1000 <= static_cast<double>(wanted.mostMs)) return asked;
    return std::max(kLeastShare, asked * static_cast<double>(wanted.mostMs) / (seconds * 1000));
}

void learnPace(Books& books, const Goal& goal, const plan::Plan& plan, const Json& result,
               std::int64_t ms) {
    plan::Plan trained = plan;
    trained.training.epochs = result.value("epochs", 0);
    const double expected =
        plan::trainingSeconds(trained, goal.window(), goal.searchInput().trainWindows);
    if (expected > 0) books.pace = std::max(books.pace, static_cast<double>(ms) / 1000 / expected);
}

}  // namespace

std::int64_t Candidate::msOf(double epochs) const {
    return std::llround(kStartMs + choice.epochMs * epochs);
}

double Candidate::mean() const {
    return standing(*this, looks.size()).second;
}

Json toJson(const Choice& choice) {
    return {{"plan", choice.plan},
            {"epochs", choice.epochs},
            {"accuracy", choice.accuracy},
            {"lower90", choice.lower90},
            {"validation", choice.validation},
            {"curve", choice.curve},
            {"cost", choice.cost},
            {"planner", choice.planner},
            {"attempts", choice.attempts},
            {"llm_calls", choice.llmCalls},
            {"llm_tokens", choice.llmTokens}};
}

int percentOf(const Job& job, const Goal& goal) {
    if (goal.budgetMs <= 0) return 0;
    const auto share = static_cast<double>(job.elapsedMs()) / static_cast<double>(goal.budgetMs);
    return static_cast<int>(std::clamp(share, 0.0, 1.0) * kPlanUntil);
}

std::string describe(const Json& plan) {
    std::string text;
    for (const Json& block : plan.value("features", Json::array())) {
        text += (text.empty() ? "" : "+") + block.value("block", std::string("?"));
    }
    text += " →";
    for (const Json& layer : plan.value("network", Json::array())) {
        text += " " + layer.value("layer", std::string("?"));
        if (layer.contains("filters")) text += std::to_string(layer.value("filters", 0));
        if (layer.contains("units")) text += std::to_string(layer.value("units", 0));
    }
    return text;
}

bool reaches(const Candidate& candidate, const Goal& goal) {
    return candidate.full && goal.target > 0 && candidate.choice.lower90 >= goal.target &&
           candidate.mean() >= goal.target;
}

std::pair<std::size_t, double> standing(const Candidate& candidate, std::size_t shared) {
    const std::size_t count = std::min(candidate.looks.size(), shared);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += candidate.looks[i];
    return {count, count == 0 ? 0 : sum / static_cast<double>(count)};
}

// The rule of one standard error (Breiman et al., Classification and Regression Trees, 1984,
// section 3.4.3), on the differences on the same cuts. Of trials that were cut short there is one
// look: the error is that of its count of windows.
bool cannotBeToldFrom(const Candidate& candidate, const Candidate& best) {
    if (!candidate.full) return false;
    if (candidate.looks.size() == 1 && best.looks.size() == 1 && candidate.cutShort() &&
        best.cutShort()) {
        const double error = (best.choice.accuracy - best.choice.lower90) / kErrorsOfLower90;
        return best.looks[0] - candidate.looks[0] <= error;
    }
    const std::size_t shared = std::min(candidate.looks.size(), best.looks.size());
    if (shared < kLooksForError) return false;
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < shared; ++i) {
        const double ahead = best.looks[i] - candidate.looks[i];
        sum += ahead;
        squares += ahead * ahead;
    }
    const auto n = static_cast<double>(shared);
    const double mean = sum / n;
    const double variance = std::max(0.0, squares - n * mean * mean) / (n - 1);
    return mean <= std::sqrt(variance / n);
}

const Candidate* bestOf(const Books& books, const Goal& goal) {
    const auto rank = [&](const Candidate& each) {
        return std::tuple(reaches(each, goal), standing(each, books.shared), each.mean());
    };
    const Candidate* best = nullptr;
    for (const Candidate& each : books.candidates) {
        if (each.full && (best == nullptr || rank(each) > rank(*best))) best = &each;
    }
    if (best == nullptr) return nullptr;
    const auto same = std::ranges::find_if(books.candidates, [&](const Candidate& each) {
        return &each == best || (reaches(each, goal) == reaches(*best, goal) && !each.fellBehind &&
                                 cannotBeToldFrom(each, *best));
    });
    return &*same;
}

bool beyondBudget(const Candidate& candidate, const Goal& goal) {
    return candidate.cutShort() &&
           candidate.msOf(candidate.plan.training.epochs) > goal.budgetMs / 2;
}

std::int64_t fitMs(const Goal& goal, const Books& books) {
    const Candidate* best = bestOf(books, goal);
    if (best == nullptr) return 0;
    const std::int64_t whole = best->msOf(kFitOverTrial * best->plan.training.epochs);
    const std::int64_t least = best->msOf(kFitOverTrial * best->choice.epochs);
    return std::max(least, std::min(whole, goal.budgetMs / 2));
}

std::int64_t mostMsOfTrial(const Job& job, const Goal& goal, const Books& books) {
    const std::int64_t left = goal.budgetMs - job.consumedMs();
    std::int64_t most = left / 2;
    if (const Candidate* best = bestOf(books, goal); best != nullptr) {
        most = std::min(most, left - fitMs(goal, books));
        if (beyondBudget(*best, goal)) most = std::min(most, best->trialMs());
    }
    return std::max<std::int64_t>(1, most);
}

bool budgetLeft(const Job& job, const Goal& goal, const Books& books) {
    return job.consumedMs() + fitMs(goal, books) < goal.budgetMs;
}

Task<Result<Json>> trainStep(Job& job, Goal goal, Json plan, double epochsScale, bool quantize,
                             int fold) {
    const Json inputs = {{"plan", plan}, {"epochs_scale", epochsScale}, {"int8", quantize},
                         {"fold", fold}, {"data", goal.data},           {"seed", goal.seed}};
    Result<Json> result = co_await job.step(
        "train", inputs, runTrial(job, goal, plan, epochsScale, quantize, fold), Weight::heavy);
    co_return result;
}

Task<Status> tryPlan(Job& job, Goal goal, Books& books, Try wanted) {
    const plan::Plan& plan = wanted.trial.plan;
    const Json json = plan::toJson(plan);
    const plan::Feasibility cost = plan::check(plan, goal.window(), goal.limits);
    const bool full = wanted.trial.rung > 0;
    const bool look = wanted.fold > 0;
    const double share = shareOf(goal, books, wanted);
    job.setAttempt(++books.tried);
    const std::int64_t before = job.consumedMs();
    Result<Json> result = co_await trainStep(job, goal, json, share, full, wanted.fold);
    const std::int64_t ms = job.consumedMs() - before;
    plan::Outcome outcome;
    outcome.trial = wanted.trial;
    outcome.seconds = static_cast<double>(ms) / 1000;
    outcome.cost = cost;
    if (full) ++candidateOf(books, plan).asked;
    if (!result) {
        if (endsJob(result.error())) co_return std::unexpected(result.error());
        job.event("attempt", describe(json) + " failed: " + result.error().message,
                  toJson(result.error()));
        plan::Attempt& attempt = attemptOf(books, wanted, json);
        attempt.facts.push_back("it could not be trained: " + result.error().message);
        books.lastFault = result.error();
        reportAttempt(job, attempt, wanted.reason, ms, cost);
        if (wanted.forSearch) books.outcomes.push_back(std::move(outcome));
        co_return Status();
    }
    learnPace(books, goal, plan, *result, ms);
    const Json validation = (*result)["validation"];
    outcome.accuracy = validation.value("accuracy", 0.0);
    outcome.lower90 = validation.value("lower90", 0.0);
    Json facts = measured(validation);
    facts["planner"] = wanted.planner;
    facts["ms"] = ms;
    facts["rung"] = wanted.trial.rung;
    job.event("attempt", describe(json), facts);

    plan::Attempt& attempt = attemptOf(books, wanted, json);
    attempt.measured = true;
    attempt.full = full;
    attempt.accuracy = outcome.accuracy;
    attempt.lower90 = outcome.lower90;
    attempt.facts = factsOf(goal, *result, cost, share, full);
    if (look) {
        attempt.facts.emplace_back(
            "a further look: another part of the data was validation, so compare its accuracy with "
            "that of the first look alone");
    }
    reportAttempt(job, attempt, wanted.reason, ms, cost);
    if (full) {
        Candidate& candidate = candidateOf(books, plan);
        candidate.looks.push_back(outcome.accuracy);
        if (!look) {
            candidate.full = true;
            candidate.attempt = static_cast<std::size_t>(attempt.number) - 1;
            Choice& choice = candidate.choice;
            choice.epochs =
                std::max(1, static_cast<int>(std::lround(plan.training.epochs * share)));
            const auto took = static_cast<double>(ms);
            choice.epochMs =
                std::max(took - kStartMs, took / 4) / std::max(1, result->value("epochs", 1));
            choice.accuracy = outcome.accuracy;
            choice.lower90 = outcome.lower90;
            choice.validation = validation;
            choice.curve = result->value("curve", Json::array());
            choice.cost = plan::toJson(cost);
            choice.planner = wanted.planner;
        }
    }
    if (wanted.forSearch || (full && !look)) books.outcomes.push_back(std::move(outcome));
    co_return Status();
}

void noteUntried(Job& job, Books& books, const Json& plan, const std::string& planner,
                 const std::string& reason, const std::string& why, const plan::Feasibility& fit) {
    Try wanted;
    wanted.planner = planner;
    plan::Attempt& attempt = attemptOf(books, wanted, plan);
    attempt.facts.push_back("not trained: " + why);
    if (!fit.fits) attempt.facts.push_back(plan::costFacts(fit));
    reportAttempt(job, attempt, reason, 0, {});
}

}  // namespace tinsmith
