// Plans tried in one job: training and measuring one, and the books over all of them. Rebuilt from
// step results when a job runs again.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "handlers/flow/job.hpp"
#include "handlers/plan/prompt.hpp"
#include "handlers/plan/search.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

// A plan with what it reached on validation.
struct Choice {
    Json plan;
    int epochs = 0;       // to fit it once more on train and validation together
    double epochMs = 0;   // that each took in its trial
    double accuracy = 0;  // int8, on validation
    double lower90 = 0;   // its one-sided lower 90 % bound
    Json validation;      // confusion, per class
    Json curve;           // of the training, for who trains it again one day
    Json cost;            // feasibility as computed before training
    std::string planner;  // "search", "asker" or the language model's name
    int attempts = 0;
    int llmCalls = 0;
    std::int64_t llmTokens = 0;
};

Json toJson(const Choice& choice);

// One plan and every look at its whole training. Validation is small and training depends on its
// seed, so a plan is judged by the mean of its looks, not by its luckiest one.
struct Candidate {
    plan::Plan plan;
    Choice choice;              // of the newest full look
    bool full = false;          // trained to the end and measured as int8 at least once
    std::size_t attempt = 0;    // where its first look stands in Books::attempts
    std::vector<double> looks;  // accuracy of each, the n-th on the n-th cut of the data
    int asked = 0;              // looks that were begun; so many cuts of the data had their turn
    // In a round of looks. Over its few looks, which went up and down otherwise than the best
    // one's, hardly any difference from that is larger than its error.
    bool fellBehind = false;

    [[nodiscard]] double mean() const;
    // Its trial had no time for all of its epochs.
    [[nodiscard]] bool cutShort() const { return choice.epochs < plan.training.epochs; }
    // How long so many epochs take, start included.
    [[nodiscard]] std::int64_t msOf(double epochs) const;
    [[nodiscard]] std::int64_t trialMs() const { return msOf(choice.epochs); }
};

struct Books {
    std::vector<plan::Outcome> outcomes;  // what the built-in search goes by
    std::vector<plan::Attempt> attempts;  // what a language model is shown
    std::vector<Candidate> candidates;
    std::vector<Json> refusedCode;  // of plans that the board refused (refusal.hpp)
    int tried = 0;                  // trainings
    std::size_t shared = 0;         // looks by which plans are compared; 0 = not compared yet

    std::optional<Error> lastFault;  // of a plan that could not be trained

    // Measured training time over what plan::trainingSeconds() says, the highest so far; 0 = none.
    double pace = 0;
};

// Validation's lower bound and the mean of all looks are at the target or above.
bool reaches(const Candidate& candidate, const Goal& goal);

// How many of the first `shared` looks a plan has, and their mean: some cuts of the data are harder
// than others, so plans are compared on the same ones.
std::pair<std::size_t, double> standing(const Candidate& candidate, std::size_t shared);

// Who reaches the target comes first; then, once plans are compared, who stands better in as many
// looks as two of them have at least; then the better mean. Of plans that those looks, or trials
// cut short by the budget, cannot tell apart, and of ties, the earlier: the search proposes what
// usually wins first. What fell behind is none of them. Null while no plan was trained to the end.
const Candidate* bestOf(const Books& books, const Goal& goal);

// How much longer an epoch takes that has validation's windows, too.
inline constexpr double kFitOverTrial = 1.4;

// Whether half of the budget is too short to train the plan in full: no trial can be more than a
// look.
bool beyondBudget(const Candidate& candidate, const Goal& goal);

// What is set aside for the final fit: all epochs of the best plan, or half of the budget where
// they take more. 0 while there is no plan.
std::int64_t fitMs(const Goal& goal, const Books& books);

// What a trial may take: half of what is left, and no more than leaves the final fit its time.
// Where the best plan is beyond the budget, as long as its trial took: so plans compare.
std::int64_t mostMsOfTrial(const Job& job, const Goal& goal, const Books& books);

// Leaves room for the final fit.
bool budgetLeft(const Job& job, const Goal& goal, const Books& books);

// "raw → conv1d16 max_pool dense8", for the log.
std::string describe(const Json& plan);

struct Try {
    plan::Trial trial;
    std::string planner;
    std::string reason;                // why this plan; the plan's own where empty
    std::int64_t mostMs = 0;           // it may take; fewer epochs where more are expected; 0 = any
    std::optional<std::size_t> again;  // continues this attempt's entry instead of a new one
    bool forSearch = true;             // enters the search's outcomes
    int fold = 0;  // another cut of the data (dataset/folds.hpp): a further look at the plan
};

// Trains one plan, measures it and enters it into the books and the report. A plan that cannot be
// trained is an outcome, not the job's end; cancelled and storage_full are.
Task<Status> tryPlan(Job& job, Goal goal, Books& books, Try wanted);

// Enters a plan that was not trained, and why; with what it costs where that is the reason.
void noteUntried(Job& job, Books& books, const Json& plan, const std::string& planner,
                 const std::string& reason, const std::string& why, const plan::Feasibility& fit);

// One plan, trained on train only and measured on validation, as a step. `epochsScale` of the
// plan's epochs. Fields as in the outputs of tinsmith-train, "validation" being the int8 one where
// `quantize` is true.
Task<Result<Json>> trainStep(Job& job, Goal goal, Json plan, double epochsScale, bool quantize,
                             int fold = 0);

// Progress of a job that plans, in percent of the whole.
int percentOf(const Job& job, const Goal& goal);

}  // namespace tinsmith
