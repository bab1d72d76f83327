#include "handlers/requests/goal.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "handlers/build/board.hpp"
#include "handlers/plan/candidates.hpp"
#include "handlers/plan/fixed.hpp"

namespace tinsmith {

namespace {

// A state that lasts.
constexpr std::size_t kRowsAChange = 16;

double orZero(const std::optional<double>& value) {
    return value.value_or(0);
}

// "x", "y", "z"; "acc_x" … "gyro_z".
bool areAxes(const std::vector<std::string>& channels) {
    constexpr std::string_view kLast = "xyz";
    for (std::size_t i = 0; i < channels.size(); ++i) {
        if (channels[i].empty() || std::tolower(channels[i].back()) != kLast[i % 3]) return false;
    }
    return !channels.empty() && channels.size() % 3 == 0;
}

int cardInt(const Json& card, const char* object, const char* key) {
    const auto it = card.find(object);
    return it == card.end() ? 0 : it->value(key, 0);
}

// The request's limits count whole images and applications, as the board's do; they can only narrow
// them.
Status narrow(plan::BoardLimits& limits, const Limits& wanted) {
    const auto least = [](std::uint64_t board, const std::optional<double>& kb) {
        return kb ? std::min(board, static_cast<std::uint64_t>(*kb * 1000)) : board;
    };
    limits.flashBytes = least(limits.flashBytes, wanted.flashKb);
    limits.ramBytes = least(limits.ramBytes, wanted.ramKb);
    limits.latencyMs = orZero(wanted.latencyMs);
    if (limits.flashBytes <= limits.platformFlash) {
        return fail(Code::not_feasible,
                    "flash_kb leaves nothing for a model: the platform alone takes " +
                        std::to_string(limits.platformFlash) + " bytes of " +
                        std::to_string(limits.flashBytes),
                    "allow more than " + std::to_string(limits.platformFlash / 1000 + 1) + " KB",
                    "/limits/flash_kb");
    }
    if (limits.ramBytes <= limits.platformRam) {
        return fail(Code::not_feasible,
                    "ram_kb leaves nothing for a model: the platform alone takes " +
                        std::to_string(limits.platformRam) + " bytes of " +
                        std::to_string(limits.ramBytes),
                    "allow more than " + std::to_string(limits.platformRam / 1000 + 1) + " KB",
                    "/limits/ram_kb");
    }
    return {};
}

}  // namespace

plan::WindowShape Goal::window() const {
    plan::WindowShape shape;
    shape.length = cardInt(card, "window", "length");
    shape.channels = static_cast<int>(card.value("channels", Json::array()).size());
    shape.classes = static_cast<int>(card.value("classes", Json::array()).size());
    if (const auto rate = card.find("rate_hz"); rate != card.end() && rate->is_number())
        shape.rateHz = rate->get<double>();
    shape.pictureRows = cardInt(card, "picture", "rows");
    shape.pictureColumns = cardInt(card, "picture", "columns");
    return shape;
}

plan::SearchInput Goal::searchInput() const {
    plan::SearchInput input;
    input.window = window();
    if (const auto windows = card.find("windows"); windows != card.end()) {
        input.trainWindows = windows->value("train", Json::object()).value("total", std::size_t{0});
    }
    input.limits = limits;
    input.fixed = fixed;
    const int stride = cardInt(card, "window", "stride");
    input.contiguous = input.window.pictureRows == 0 && stride > 0 && stride < input.window.length;
    // A table that is only sorted by its label changes as often as it has classes.
    const int changes = card.value("label_changes", 0);
    input.series = input.window.length == 1 && changes >= 4 * input.window.classes &&
                   input.trainWindows >= kRowsAChange * static_cast<std::size_t>(changes);
    input.axes = areAxes(card.value("channels", std::vector<std::string>()));
    const Json warnings = card.value("warnings", Json::array());
    input.oneSource = std::ranges::any_of(
        warnings, [](const Json& warning) { return warning.value("code", "") == "one_source"; });
    return input;
}

std::int64_t msOfBudget(const Goal& goal, double share) {
    return static_cast<std::int64_t>(share * static_cast<double>(goal.budgetMs));
}

Json toJson(const Goal& goal) {
    const plan::BoardLimits& limits = goal.limits;
    return {{"model", goal.model},
            {"task", goal.task},
            {"advice", goal.advice},
            {"fixed", goal.fixed},
            {"plots", goal.plots},
            {"dataset", goal.dataset},
            {"data", goal.data},
            {"card", goal.card},
            {"board", goal.board},
            {"limits",
             {{"name", limits.name},
              {"speed", plan::toJson(limits.speed)},
              {"kernels", limits.kernels},
              {"feature_cost", limits.featureCost},
              {"flash", limits.flashBytes},
              {"ram", limits.ramBytes},
              {"platform_flash", limits.platformFlash},
              {"platform_ram", limits.platformRam},
              {"latency_ms", limits.latencyMs}}},
            {"target", goal.target},
            {"budget_ms", goal.budgetMs},
            {"llm_calls", goal.llmCalls},
            {"llm_tokens", goal.llmTokens},
            {"seed", goal.seed}};
}

Goal goalFromJson(const Json& json) {
    Goal goal;
    goal.model = json.value("model", "");
    goal.task = json.value("task", "");
    goal.advice = json.value("advice", "");
    goal.fixed = json.value("fixed", Json());
    goal.plots = json.value("plots", "");
    goal.dataset = json.value("dataset", "");
    goal.data = json.value("data", "");
    goal.card = json.value("card", Json::object());
    goal.board = json.value("board", "");
    const Json limits = json.value("limits", Json::object());
    goal.limits.name = limits.value("name", "");
    goal.limits.kernels = limits.value("kernels", "portable");
    goal.limits.featureCost = limits.value("feature_cost", 1.0);
    goal.limits.speed = plan::coreSpeedFromJson(limits.value("speed", Json::object()));
    goal.limits.flashBytes = limits.value("flash", std::uint64_t{0});
    goal.limits.ramBytes = limits.value("ram", std::uint64_t{0});
    goal.limits.platformFlash = limits.value("platform_flash", std::uint64_t{0});
    goal.limits.platformRam = limits.value("platform_ram", std::uint64_t{0});
    goal.limits.latencyMs = limits.value("latency_ms", 0.0);
    goal.target = json.value("target", 0.0);
    goal.budgetMs = json.value("budget_ms", std::int64_t{0});
    goal.llmCalls = json.value("llm_calls", 0);
    goal.llmTokens = json.value("llm_tokens", std::int64_t{0});
    goal.seed = json.value("seed", std::uint64_t{1});
    return goal;
}

namespace {

// Model, board and limits.
Result<Goal> boardGoal(World& world, const GoalRequest& request) {
    const Settings& settings = world.settings;
    Goal goal;
    goal.model = request.model;
    goal.task = request.task;
    goal.advice = request.advice;
    goal.card = Json::object();
    goal.board = request.board.empty() ? settings.board : request.board;
    const auto board = build::loadBoard(settings.firmwareDir / "boards", goal.board);
    if (!board) return std::unexpected(board.error());
    goal.limits = build::limitsOf(*board);
    if (auto narrowed = narrow(goal.limits, request.limits); !narrowed) {
        return std::unexpected(narrowed.error());
    }
    return goal;
}

// What is fixed must suit some plan for this data, or every plan would be refused later.
Status checkFixed(const Goal& goal) {
    if (goal.fixed.is_null()) return {};
    plan::SearchInput free = goal.searchInput();
    free.fixed = Json();
    const std::vector<plan::Plan> usual = plan::candidates(free);
    if (!plan::allWithFixed(usual, goal.fixed, goal.window()).empty() || usual.empty()) return {};
    const auto merged = plan::withFixed(plan::toJson(usual.front()), goal.fixed, goal.window());
    Error error = merged.error();
    error.message = "what is fixed of the plan suits no plan for this data: " + error.message;
    error.path = "/plan" + error.path;
    return std::unexpected(error);
}

}  // namespace

Result<Goal> makeGoal(World& world, const GoalRequest& request) {
    if (request.dataset.empty()) return boardGoal(world, request);
    const auto dataset = world.journal.get("dataset", request.dataset);
    if (!dataset) return std::unexpected(dataset.error());
    if (!*dataset) {
        return fail(Code::unknown_dataset, "there is no dataset " + request.dataset,
                    "import or record it first; `dataset list` names those that exist", "/dataset");
    }
    auto begun = boardGoal(world, request);
    if (!begun) return begun;
    Goal goal = std::move(*begun);
    goal.dataset = request.dataset;
    goal.data = (**dataset).value("digest", "");
    goal.card = (**dataset).value("card", Json::object());
    goal.plots = (**dataset).value("plots", "");
    const Settings& settings = world.settings;
    const plan::WindowShape window = goal.window();
    if (window.classes < 2 || window.length < 1 || window.channels < 1 ||
        goal.searchInput().trainWindows == 0) {
        return fail(Code::bad_data,
                    "dataset " + request.dataset + " has no windows of two classes to learn from",
                    "record or import at least two labels; `dataset info` shows what is there",
                    "/dataset");
    }
    goal.target = orZero(request.target.accuracy);
    goal.budgetMs = static_cast<std::int64_t>(
        request.budget.minutes.value_or(settings.planner.minutes) * 60'000);
    // Decided once, for a replay may come when the settings are others.
    goal.llmCalls =
        world.llm.configured() ? request.budget.llmCalls.value_or(settings.planner.calls) : 0;
    goal.llmTokens = request.budget.llmTokens.value_or(settings.planner.tokens);
    goal.seed = request.seed;
    goal.fixed = request.plan;
    if (auto suits = checkFixed(goal); !suits) return std::unexpected(suits.error());
    return goal;
}

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

namespace {

Task<Result<Json>> lookUp(World& world, GoalRequest request) {
    const auto goal = makeGoal(world, request);
    if (!goal) co_return std::unexpected(goal.error());
    co_return toJson(*goal);
}

}  // namespace

Task<Result<Goal>> goalStep(Job& job, GoalRequest request) {
    const Json inputs = job.request();
    Result<Json> goal = co_await job.step("prepare", inputs, lookUp(job.world(), request));
    if (!goal) co_return std::unexpected(goal.error());
    co_return goalFromJson(*goal);
}

}  // namespace tinsmith
