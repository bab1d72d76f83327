#include "handlers/requests/learn.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <vector>

#include "handlers/flow/files.hpp"
#include "handlers/plan/prompt.hpp"
#include "handlers/plan/search.hpp"
#include "handlers/requests/int8.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace {

// Progress of a whole job: planning and training take the first 60 percent.
constexpr int kPlanUntil = 60;
constexpr int kFitUntil = 70;
// When the search has nothing new to propose: so many further looks at each of so many leading
// plans.
constexpr int kFurtherLooks = 2;
constexpr std::size_t kLeaders = 3;
// So many useless replies in a row, and the built-in search goes on alone.
constexpr int kUselessReplies = 2;

int percentOf(const Job& job, const Goal& goal) {
    if (goal.budgetMs <= 0) return 0;
    const auto share = static_cast<double>(job.elapsedMs()) / static_cast<double>(goal.budgetMs);
    return static_cast<int>(std::clamp(share, 0.0, 1.0) * kPlanUntil);
}

Json measured(const Json& validation) {
    Json facts;
    for (const char* key : {"accuracy", "lower90", "windows", "correct"}) {
        if (validation.contains(key)) facts[key] = validation[key];
    }
    return facts;
}

// ---- One trial
// ------------------------------------------------------------------------------------------------------

Task<Result<Json>> runTrial(Job& job, Goal goal, Json plan, double epochsScale, bool withInt8) {
    const int from = percentOf(job, goal);
    const std::string data = job.world().artefacts.path(goal.data).string();
    const Json train = {{"dataset", data},
                        {"plan", plan},
                        {"seed", goal.seed},
                        {"parts", Json::array({"train"})},
                        {"epochs_scale", epochsScale},
                        {"early_stopping", true}};
    Result<Json> trained = co_await runStage(job, "tinsmith-train", "", train, "train", from, from);
    if (!trained) co_return std::unexpected(trained.error());
    Json result = {{"float", trained->value("validation", Json::object())},
                   {"epochs", trained->value("epochs", 0)},
                   {"best_epoch", trained->value("best_epoch", 0)},
                   {"train_accuracy", trained->value("train_accuracy", 0.0)}};
    result["validation"] = result["float"];
    if (withInt8) {
        const std::filesystem::path folder = trained->value("folder", "");
        const std::filesystem::path network = folder / trained->value("network", "network");
        const Json parts = Json::array({"validation"});
        Result<Json> int8 = co_await toInt8(job, goal, plan, network, parts, from, from);
        if (!int8) co_return std::unexpected(int8.error());
        result["validation"] =
            int8->value("parts", Json::object()).value("validation", Json::object());
    }
    co_return result;
}

// ---- Choosing
// -------------------------------------------------------------------------------------------------------

// One plan and every look that was taken at it. Validation is small and training depends on its
// seed, so a plan is judged by the mean of its looks, not by its luckiest one.
struct Candidate {
    plan::Plan plan;
    Choice choice;      // of the newest full look
    bool full = false;  // trained to the end and measured as int8 at least once
    double sum = 0;
    int looks = 0;

    [[nodiscard]] double mean() const { return looks == 0 ? 0 : sum / looks; }
};

// What is known while plans are tried; rebuilt from step results when a job runs again.
struct Search {
    std::vector<plan::Outcome> outcomes;
    std::vector<plan::Attempt> attempts;
    std::vector<Candidate> candidates;
    int tried = 0;
    int llmCalls = 0;
    std::int64_t llmTokens = 0;
    int useless = 0;
    std::int64_t longestTrialMs = 0;
};

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

// The first candidate on which the target holds; else the one with the best mean. Ties go to the
// earlier, and the search proposes what usually wins first. Null while no plan was trained to the
// end.
const Candidate* bestOf(const Search& search, const Goal& goal) {
    const Candidate* best = nullptr;
    for (const Candidate& each : search.candidates) {
        if (!each.full) continue;
        if (goal.target > 0 && each.choice.lower90 >= goal.target) return &each;
        if (best == nullptr || each.mean() > best->mean()) best = &each;
    }
    return best;
}

bool targetHolds(const Search& search, const Goal& goal) {
    const Candidate* best = bestOf(search, goal);
    return best != nullptr && goal.target > 0 && best->choice.lower90 >= goal.target;
}

// Leaves room for the final fit, which takes about as long as the longest trial did.
bool budgetLeft(const Job& job, const Goal& goal, const Search& search) {
    return job.consumedMs() + search.longestTrialMs < goal.budgetMs;
}

void addLook(Search& search, const plan::Trial& trial, const Json& validation, bool full,
             const plan::Feasibility& cost, const std::string& planner) {
    const Json json = plan::toJson(trial.plan);
    auto it = std::ranges::find_if(search.candidates,
                                   [&](const Candidate& each) { return each.choice.plan == json; });
    if (it == search.candidates.end()) {
        Candidate fresh;
        fresh.plan = trial.plan;
        fresh.choice.plan = json;
        it = search.candidates.insert(it, std::move(fresh));
    }
    const double accuracy = validation.value("accuracy", 0.0);
    it->sum += accuracy;
    ++it->looks;
    if (!full) return;
    it->full = true;
    Choice& choice = it->choice;
    choice.epochs = trial.plan.training.epochs;
    choice.accuracy = accuracy;
    choice.lower90 = validation.value("lower90", 0.0);
    choice.validation = validation;
    choice.cost = plan::toJson(cost);
    choice.planner = planner;
}

// Trains one plan and enters it into the search's books. A plan that cannot be trained is an
// outcome, not the job's end; cancelled and storage_full are.
Task<Status> tryPlan(Job& job, Goal goal, Search& search, plan::Trial candidate,
                     std::string planner) {
    const Json json = plan::toJson(candidate.plan);
    const plan::Feasibility cost = plan::check(candidate.plan, goal.window(), goal.limits);
    const bool withInt8 = candidate.rung > 0;
    job.setAttempt(++search.tried);
    const Json inputs = {{"plan", json},
                         {"epochs_scale", candidate.epochsScale},
                         {"int8", withInt8},
                         {"data", goal.data},
                         {"seed", goal.seed}};
    const std::int64_t before = job.consumedMs();
    Result<Json> result = co_await job.step(
        "train", inputs, runTrial(job, goal, json, candidate.epochsScale, withInt8), Weight::heavy);
    const std::int64_t ms = job.consumedMs() - before;
    plan::Outcome outcome;
    outcome.trial = candidate;
    outcome.seconds = static_cast<double>(ms) / 1000;
    outcome.cost = cost;
    if (!result) {
        const Code code = result.error().code;
        if (code == Code::cancelled || code == Code::storage_full) {
            co_return std::unexpected(result.error());
        }
        job.event("attempt", describe(json) + " failed: " + result.error().message,
                  toJson(result.error()));
        search.attempts.push_back(
            {json, 0, 0, "it could not be trained: " + result.error().message});
        search.outcomes.push_back(std::move(outcome));
        co_return Status();
    }
    const Json validation = (*result)["validation"];
    outcome.accuracy = validation.value("accuracy", 0.0);
    outcome.lower90 = validation.value("lower90", 0.0);
    Json facts = measured(validation);
    facts["planner"] = planner;
    facts["ms"] = ms;
    facts["rung"] = candidate.rung;
    job.event("attempt", describe(json), facts);
    search.outcomes.push_back(outcome);
    search.attempts.push_back({json, outcome.accuracy, outcome.lower90,
                               "confusion on validation (rows are the truth): " +
                                   validation.value("confusion", Json::array()).dump()});
    if (withInt8) search.longestTrialMs = std::max(search.longestTrialMs, ms);
    addLook(search, candidate, validation, withInt8, cost, planner);
    co_return Status();
}

// ---- The language model
// ---------------------------------------------------------------------------------------------

Task<Result<Json>> ask(Job& job, LlmRequest request) {
    Result<LlmReply> reply = co_await job.world().llm.complete(request, job.token());
    if (!reply) co_return std::unexpected(reply.error());
    co_return Json{{"text", reply->text},
                   {"model", reply->model},
                   {"finish", reply->finish},
                   {"tokens", reply->promptTokens + reply->completionTokens}};
}

std::string promptTemplate(const World& world) {
    std::ifstream in(world.settings.shareDir / "prompts" / "plan.md");
    if (!in) return std::string(plan::defaultTemplate());
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The planner never sees the test part, nor what only a look at it could tell.
Json withoutTest(Json card) {
    for (const char* counted : {"windows", "groups"}) {
        if (card.contains(counted) && card[counted].is_object()) card[counted].erase("test");
    }
    Json warnings = Json::array();
    for (const Json& warning : card.value("warnings", Json::array())) {
        if (!warning.value("code", "").starts_with("test_")) warnings.push_back(warning);
    }
    card["warnings"] = warnings;
    return card;
}

// The first reply and at most one repair. An error is a useless reply, with the fault; cancelled
// ends the job.
Task<Result<plan::Plan>> askForPlan(Job& job, Goal goal, Search& search) {
    plan::PromptInput input;
    input.task = goal.task;
    input.dataCard = withoutTest(goal.card);
    input.window = goal.window();
    input.limits = goal.limits;
    input.targetAccuracy = goal.target;
    input.attempts = search.attempts;
    const std::string text = promptTemplate(job.world());
    const auto messages = plan::renderPrompt(input, text);
    if (!messages) co_return std::unexpected(messages.error());
    LlmRequest request;
    for (const plan::Message& message : *messages) {
        request.messages.push_back({message.role, message.content});
    }
    request.schema = Json::parse(plan::schemaText(), nullptr, false);
    Error fault;
    for (int round = 0; round < 2; ++round) {
        if (search.llmCalls >= goal.llmCalls || search.llmTokens >= goal.llmTokens) {
            co_return fail(Code::budget_spent, "the language model's calls or tokens are used up");
        }
        Json inputs = Json::array();
        for (const ChatMessage& message : request.messages) inputs.push_back(message.content);
        ++search.llmCalls;
        Result<Json> reply = co_await job.step("ask", inputs, ask(job, request));
        if (!reply) co_return std::unexpected(reply.error());
        search.llmTokens += reply->value("tokens", std::int64_t{0});
        const std::string said = reply->value("text", "");
        const auto found = plan::extractPlan(said);
        if (!found) {
            fault = found.error();
        } else {
            auto parsed = plan::parsePlan(*found, goal.window());
            if (parsed) co_return std::move(*parsed);
            fault = parsed.error();
        }
        job.event("reply", "the language model's reply is no valid plan: " + fault.message,
                  tinsmith::toJson(fault));
        request.messages.push_back({"assistant", said});
        const plan::Message repair = plan::renderRepair(fault);
        request.messages.push_back({repair.role, repair.content});
    }
    co_return std::unexpected(fault);
}

// Plans of the language model until the target holds, its budget is spent or it has become useless.
Task<Status> followModel(Job& job, Goal goal, Search& search) {
    const std::string name = job.world().llm.model();
    while (search.useless < kUselessReplies && budgetLeft(job, goal, search) &&
           !targetHolds(search, goal)) {
        job.progress(percentOf(job, goal), "asks " + name + " for a plan");
        Result<plan::Plan> answer = co_await askForPlan(job, goal, search);
        if (!answer) {
            const Error& error = answer.error();
            if (error.code == Code::cancelled || error.code == Code::storage_full) {
                co_return std::unexpected(error);
            }
            job.event("planner", name + ": " + error.message, tinsmith::toJson(error));
            if (error.code == Code::llm_unavailable || error.code == Code::budget_spent) break;
            ++search.useless;
            continue;
        }
        job.event("plan", answer->reason, plan::toJson(*answer));
        const plan::Feasibility fit = plan::check(*answer, goal.window(), goal.limits);
        if (!fit.fits) {
            ++search.useless;
            job.event("infeasible", fit.sentence, plan::toJson(fit));
            search.attempts.push_back(
                {plan::toJson(*answer), 0, 0, "not trained: " + fit.sentence});
            continue;
        }
        search.useless = 0;
        plan::Trial candidate;
        candidate.plan = *answer;
        candidate.rung = 1;
        const Status tried = co_await tryPlan(job, goal, search, candidate, name);
        if (!tried) co_return tried;
    }
    co_return Status();
}

// What is left of the budget goes into further looks, with other seeds, at the plans that lead.
Task<Status> lookAgain(Job& job, Goal goal, Search& search) {
    for (int look = 1; look <= kFurtherLooks; ++look) {
        for (std::size_t rank = 0; rank < kLeaders; ++rank) {
            std::vector<const Candidate*> leaders;
            for (const Candidate& each : search.candidates) {
                if (each.full && each.mean() < 1) leaders.push_back(&each);
            }
            std::ranges::stable_sort(leaders, std::greater(),
                                     [](const Candidate* each) { return each->mean(); });
            if (leaders.size() < 2 || rank >= leaders.size() || targetHolds(search, goal) ||
                !budgetLeft(job, goal, search)) {
                co_return Status();
            }
            plan::Trial again;
            again.plan = leaders[rank]->plan;
            again.rung = 2;
            Goal other = goal;
            other.seed = goal.seed + 1000 * static_cast<std::uint64_t>(look);
            const std::string planner = leaders[rank]->choice.planner;
            job.progress(percentOf(job, goal),
                         "looks again at " + describe(leaders[rank]->choice.plan));
            const Status tried = co_await tryPlan(job, other, search, again, planner);
            if (!tried) co_return tried;
        }
    }
    co_return Status();
}

Task<Status> followSearch(Job& job, Goal goal, Search& search) {
    std::vector<plan::Trial> trials = plan::nextTrials(goal.searchInput(), search.outcomes);
    while (!trials.empty()) {
        for (const plan::Trial& candidate : trials) {
            const bool any = bestOf(search, goal) != nullptr;
            if (targetHolds(search, goal) || (any && !budgetLeft(job, goal, search)))
                co_return Status();
            // A first full-length trial is always made: without one there would be no model at all.
            plan::Trial next = candidate;
            if (!any && !budgetLeft(job, goal, search)) next.rung = 1;
            job.progress(percentOf(job, goal), "tries " + describe(plan::toJson(next.plan)));
            const Status tried = co_await tryPlan(job, goal, search, next, "search");
            if (!tried) co_return tried;
        }
        trials = plan::nextTrials(goal.searchInput(), search.outcomes);
    }
    const Status looked = co_await lookAgain(job, goal, search);
    co_return looked;
}

}  // namespace

Json toJson(const Choice& choice) {
    return {{"plan", choice.plan},
            {"epochs", choice.epochs},
            {"accuracy", choice.accuracy},
            {"lower90", choice.lower90},
            {"validation", choice.validation},
            {"cost", choice.cost},
            {"planner", choice.planner},
            {"attempts", choice.attempts},
            {"llm_tokens", choice.llmTokens}};
}

Task<Result<Choice>> choosePlan(Job& job, Goal goal) {
    const std::vector<plan::Trial> first = plan::nextTrials(goal.searchInput(), {});
    if (first.empty()) {
        const plan::Feasibility smallest = plan::smallestCandidate(goal.searchInput());
        co_return fail(Code::not_feasible, "no network fits: " + smallest.sentence,
                       "relax limits/" + smallest.broken + " or choose a larger board", "/limits");
    }
    Search search;
    if (job.world().llm.configured()) {
        const Status followed = co_await followModel(job, goal, search);
        if (!followed) co_return std::unexpected(followed.error());
    }
    if (!targetHolds(search, goal)) {
        const Status followed = co_await followSearch(job, goal, search);
        if (!followed) co_return std::unexpected(followed.error());
    }
    const Candidate* best = bestOf(search, goal);
    if (best == nullptr) {
        co_return fail(Code::internal, "no plan could be trained",
                       "see the job's log for each attempt");
    }
    Choice choice = best->choice;
    choice.attempts = search.tried;
    choice.llmTokens = search.llmTokens;
    co_return choice;
}

Task<Result<Json>> dryRun(Job& job, Goal goal) {
    plan::Plan chosen;
    std::string planner = "search";
    const std::vector<plan::Trial> first = plan::nextTrials(goal.searchInput(), {});
    if (first.empty()) {
        const plan::Feasibility smallest = plan::smallestCandidate(goal.searchInput());
        co_return fail(Code::not_feasible, "no network fits: " + smallest.sentence,
                       "relax limits/" + smallest.broken + " or choose a larger board", "/limits");
    }
    chosen = first.front().plan;
    if (job.world().llm.configured()) {
        Search search;
        Result<plan::Plan> answer = co_await askForPlan(job, goal, search);
        if (answer) {
            chosen = *answer;
            planner = job.world().llm.model();
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

Task<Result<Json>> trial(Job& job, Goal goal, Json plan, double epochsScale, bool quantize) {
    const Json inputs = {{"plan", plan},
                         {"epochs_scale", epochsScale},
                         {"int8", quantize},
                         {"data", goal.data},
                         {"seed", goal.seed}};
    Result<Json> result = co_await job.step(
        "train", inputs, runTrial(job, goal, plan, epochsScale, quantize), Weight::heavy);
    co_return result;
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
    Result<Json> trained =
        co_await runStage(job, "tinsmith-train", "", input, "fit", kPlanUntil, kFitUntil);
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
