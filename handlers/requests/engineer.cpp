#include "handlers/requests/engineer.hpp"

#include <algorithm>

#include "handlers/flow/text.hpp"
#include "handlers/plan/fixed.hpp"
#include "handlers/plan/quote.hpp"
#include "handlers/plan/reply.hpp"
#include "handlers/requests/code_features.hpp"
#include "handlers/requests/looks.hpp"
#include "handlers/requests/report.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace {

// So many useless replies in a row, or plans that bring nothing forward, and the built-in search
// goes on alone.
constexpr int kUselessReplies = 3;
constexpr int kIdlePlans = 3;
constexpr int kLooks = 3;
// Of the budget, until which plans are asked for. The rest is for what the search found promising
// and for comparing the plans that lead.
constexpr double kModelShare = 0.6;
// A quick look comes before a whole training where that takes long: below so many train windows it
// does not.
constexpr std::size_t kTinyData = 600;
constexpr double kQuickShare = 0.35;
// Points that a quick look may lie behind the best and still deserve a whole training.
constexpr double kPromising = 0.04;

std::optional<std::size_t> bestAttempt(const Goal& goal, const Books& books) {
    const Candidate* best = bestOf(books, goal);
    if (best == nullptr) return std::nullopt;
    return best->attempt;
}

Result<Question> question(Job& job, const Goal& goal, const Books& books,
                          const Conversation& talk) {
    plan::PromptInput input;
    input.task = goal.task;
    input.advice = goal.advice;
    input.fixed = goal.fixed;
    input.dataCard = withoutTest(goal.card);
    input.plots = goal.plots;
    input.window = goal.window();
    input.limits = goal.limits;
    input.targetAccuracy = goal.target;
    input.attempts = books.attempts;
    input.best = bestAttempt(goal, books);
    input.looks = talk.looks;
    input.looksLeft = kLooks - static_cast<int>(talk.looks.size());
    auto prompt = promptOf(job, "plan.md", plan::planTemplate(),
                           [&](std::string_view text) { return plan::planPrompt(input, text); });
    if (!prompt) return std::unexpected(prompt.error());
    auto compact =
        promptOf(job, "plan-compact.md", plan::compactTemplate(),
                 [&](std::string_view text) { return plan::compactPlanPrompt(input, text); });
    if (!compact) return std::unexpected(compact.error());
    Question question;
    question.prompt = std::move(*prompt);
    question.compact = std::move(*compact);
    question.schema = plan::replySchema();
    question.schemaName = "plan";
    return question;
}

Task<Result<Json>> lookAt(Job& job, Goal goal, Json query) {
    const Json input = {{"dataset", job.world().artefacts.path(goal.data).string()},
                        {"query", query}};
    const int at = percentOf(job, goal);
    Result<Json> seen = co_await runStage(job, "tinsmith-work", "look", input, "look", at, at);
    co_return seen;
}

Task<Status> takeLook(Job& job, Goal goal, Conversation& talk, Json query) {
    if (talk.looks.size() >= static_cast<std::size_t>(kLooks)) {
        co_return fail(Code::schema, "no look at the data is left", "send a plan or an edit",
                       "/look");
    }
    const Json inputs = {{"query", query}, {"data", goal.data}};
    Result<Json> seen = co_await job.step("look", inputs, lookAt(job, goal, query));
    if (!seen) co_return std::unexpected(seen.error());
    plan::Look look{query, seen->value("text", "")};
    job.event("look", "looks at the data: " + canonical(query).substr(0, 200));
    reportLook(job, look);
    talk.looks.push_back(std::move(look));
    co_return Status();
}

// The whole plan that a reply stands for.
Result<plan::Plan> wholePlan(const Goal& goal, const Books& books, const plan::Reply& reply) {
    if (reply.kind == plan::Reply::Kind::plan)
        return plan::withFixed(reply.json, goal.fixed, goal.window());
    auto base = bestAttempt(goal, books);
    if (reply.of > 0) base = static_cast<std::size_t>(reply.of) - 1;
    if (!base || *base >= books.attempts.size()) {
        return fail(Code::schema, "there is no such attempt to edit",
                    "send a whole plan, or name an attempt that is listed", "/of");
    }
    auto json = plan::edited(books.attempts[*base].plan, reply.json);
    if (!json) return std::unexpected(json.error());
    if (!reply.reason.empty()) (*json)["reason"] = reply.reason;
    return plan::withFixed(*json, goal.fixed, goal.window());
}

// The attempt that trained the same plan; 0 = there is none.
int triedAs(const Books& books, const plan::Plan& plan) {
    Json wanted = plan::toJson(plan);
    wanted.erase("reason");
    for (const plan::Attempt& attempt : books.attempts) {
        Json other = attempt.plan;
        other.erase("reason");
        if (other == wanted) return attempt.number;
    }
    return 0;
}

// Why a plan is not worth a training; empty where it may be.
std::string whyNot(const Books& books, const plan::Plan& plan, const plan::Feasibility& fit) {
    if (const int same = triedAs(books, plan); same > 0)
        return "the same plan as attempt " + std::to_string(same);
    const Json json = plan::toJson(plan);
    if (json.contains("code") &&
        std::ranges::find(books.refusedCode, json["code"]) != books.refusedCode.end())
        return "the board refused a plan with the same code";
    return fit.sentence;
}

// Plans that bring nothing forward until the search goes on alone. Where the budget is too short
// for whole trainings, each takes its time from the final fit.
int mostIdle(const Goal& goal, const Books& books) {
    const Candidate* best = bestOf(books, goal);
    return best != nullptr && beyondBudget(*best, goal) ? 1 : kIdlePlans;
}

double bestMean(const Goal& goal, const Books& books) {
    const Candidate* best = bestOf(books, goal);
    return best == nullptr ? 0 : best->mean();
}

// A quick look first where training takes long, the whole training for what is promising. Where the
// budget is too short for that, a trial is no more than a look.
Task<Status> tryProposal(Job& job, Goal goal, Books& books, Proposal proposal) {
    Try wanted;
    wanted.trial.plan = proposal.plan;
    wanted.trial.rung = 1;
    wanted.planner = proposal.model;
    wanted.reason = proposal.reason;
    wanted.forSearch = false;
    wanted.mostMs = mostMsOfTrial(job, goal, books);
    const Candidate* leader = bestOf(books, goal);
    const bool takesLong = goal.searchInput().trainWindows >= kTinyData;
    if (takesLong && leader != nullptr && !beyondBudget(*leader, goal)) {
        const double best = leader->mean();
        Try quick = wanted;
        quick.trial.rung = 0;
        quick.trial.epochsScale = kQuickShare;
        const Status looked = co_await tryPlan(job, goal, books, quick);
        if (!looked) co_return looked;
        plan::Attempt& attempt = books.attempts.back();
        if (!attempt.measured) co_return Status();
        const bool promising = attempt.accuracy >= best - kPromising;
        if (!promising || !budgetLeft(job, goal, books)) {
            attempt.facts.emplace_back(promising ? "no time is left to train it in full"
                                                 : "too far behind the best to be trained in full");
            co_return Status();
        }
        wanted.again = books.attempts.size() - 1;
        wanted.mostMs = mostMsOfTrial(job, goal, books);
    }
    const Status tried = co_await tryPlan(job, goal, books, wanted);
    co_return tried;
}

}  // namespace

Task<Result<Proposal>> propose(Job& job, Goal goal, const Books& books, Conversation& talk) {
    Error fault;
    bool repaired = false;
    auto asking = question(job, goal, books, talk);
    if (!asking) co_return std::unexpected(asking.error());
    while (true) {
        Result<Answer> answer = co_await askModel(job, goal, talk.spent, *asking);
        if (!answer) co_return std::unexpected(answer.error());
        auto reply = plan::readReply(answer->text);
        if (reply && reply->kind == plan::Reply::Kind::look) {
            const Status looked = co_await takeLook(job, goal, talk, reply->json);
            if (looked) {
                noteVerdict(job, "look");
                if (job.consumedMs() >= msOfBudget(goal, kModelShare)) {
                    co_return fail(Code::budget_spent, "its share of the budget is spent");
                }
                asking = question(job, goal, books, talk);
                if (!asking) co_return std::unexpected(asking.error());
                continue;
            }
            if (endsJob(looked.error())) co_return std::unexpected(looked.error());
            reply = std::unexpected(looked.error());
        }
        auto plan = reply ? wholePlan(goal, books, *reply)
                          : Result<plan::Plan>(std::unexpected(reply.error()));
        if (plan && !(plan->feature.empty() && plan->decision.empty())) {
            // Compiled before anything is trained, and a feature block is run, too: a fault of the
            // code goes back at once.
            const Json json = plan::toJson(*plan);
            Result<Json> checked = co_await codeStep(job, goal, json);
            if (!checked && endsJob(checked.error())) co_return std::unexpected(checked.error());
            if (!checked) plan = std::unexpected(checked.error());
        }
        if (plan) {
            const bool edit = reply->kind == plan::Reply::Kind::edit;
            const std::string of = reply->of > 0 ? std::to_string(reply->of) : "the best";
            noteVerdict(job, edit ? "edit of " + of : "plan");
            co_return Proposal{std::move(*plan), reply->reason, answer->model};
        }
        fault = plan.error();
        if (answer->finish == "cut" || answer->finish == "length") {
            fault.message = "the reply ran on beyond its limit and was cut; " + fault.message;
            fault.hint = "answer with the JSON object alone";
        }
        noteVerdict(job, "useless: " + fault.message);
        job.event("reply", "the language model's reply is of no use: " + fault.message,
                  tinsmith::toJson(fault));
        if (repaired || job.consumedMs() >= msOfBudget(goal, kModelShare))
            co_return std::unexpected(fault);
        repaired = true;
        asking->more = {{"assistant", cutText(answer->text, plan::kMaxReply)},
                        plan::repairMessage(fault)};
    }
}

Task<Status> followModel(Job& job, Goal goal, Books& books, Conversation& talk) {
    const std::string name = job.world().llm.model();
    const std::int64_t untilMs = msOfBudget(goal, kModelShare);
    int useless = 0;
    int idle = 0;
    while (useless < kUselessReplies && idle < mostIdle(goal, books) &&
           job.consumedMs() < untilMs && budgetLeft(job, goal, books) &&
           !targetHolds(job, goal, books)) {
        job.progress(percentOf(job, goal), "asks " + name + " for a plan");
        Result<Proposal> proposal = co_await propose(job, goal, books, talk);
        if (!proposal) {
            const Error& error = proposal.error();
            if (endsJob(error)) co_return std::unexpected(error);
            job.event("planner", name + ": " + error.message, tinsmith::toJson(error));
            if (error.code == Code::llm_unavailable || error.code == Code::budget_spent)
                co_return Status();
            ++useless;
            continue;
        }
        const Json json = plan::toJson(proposal->plan);
        job.event("plan", proposal->reason, json);
        if (!budgetLeft(job, goal, books)) break;  // it took too long to answer
        const plan::Feasibility fit = plan::check(proposal->plan, goal.window(), goal.limits);
        const std::string why = whyNot(books, proposal->plan, fit);
        if (!why.empty()) {
            job.event(fit.fits ? "repeated" : "infeasible", why);
            noteUntried(job, books, json, proposal->model, proposal->reason, why, fit);
            ++useless;
            continue;
        }
        useless = 0;
        const double before = bestMean(goal, books);
        const Status tried = co_await tryProposal(job, goal, books, *proposal);
        if (!tried) co_return tried;
        const Status confirmed = co_await confirmBest(job, goal, books);
        if (!confirmed) co_return confirmed;
        idle = bestMean(goal, books) > before ? 0 : idle + 1;
    }
    const bool idled = idle >= mostIdle(goal, books);
    if (idled || useless == kUselessReplies) {
        job.event(
            "planner",
            name + ": " +
                (idled ? "plans in a row that brought nothing forward: " + std::to_string(idle)
                       : "answers in a row of no use: " + std::to_string(useless)) +
                "; the built-in search goes on");
    }
    co_return Status();
}

}  // namespace tinsmith
