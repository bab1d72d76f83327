#include "bench/suite.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "bench/bench.hpp"

namespace tinsmith::bench {

namespace fs = std::filesystem;

namespace {

constexpr double kMinutes = 3;
constexpr double kPoint = 0.01;  // of accuracy
// A job may train its last plan and fit it once more beyond its budget; more is a hang.
constexpr double kPatienceSeconds = 900;

Json part(const Json& object, const char* key) {
    const auto it = object.is_object() ? object.find(key) : object.end();
    return it == object.end() || it->is_null() ? Json::object() : *it;
}

double numberAt(const Json& object, const char* key, double otherwise = 0) {
    const Json value = part(object, key);
    return value.is_number() ? value.get<double>() : otherwise;
}

SuiteTask loadTask(const fs::path& file) {
    std::ifstream in(file);
    const Json json = Json::parse(in, nullptr, false);
    SuiteTask task{file.stem().string(), part(json, "import"), part(json, "request"), ""};
    if (json.is_object()) task.ending = json.value("ending", "");
    if (task.import.empty() || task.request.empty() || task.ending.empty()) {
        throw std::runtime_error(file.string() + " is no task: it needs import, request, ending");
    }
    task.request["budget"]["minutes"] = numberAt(part(task.request, "budget"), "minutes", kMinutes);
    return task;
}

Json reportOf(e2e::Client& client, const std::string& job) {
    const Json reply = client.request("job", {{"action", "report"}, {"job", job}});
    return part(part(reply, "data"), "report");
}

Json stepsOf(e2e::Client& client, const std::string& job) {
    const Json reply = client.request("job", {{"action", "show"}, {"job", job}});
    return part(part(reply, "data"), "steps");
}

// Seconds of the steps up to the final fit: what the budget is for.
double planningSeconds(const Json& steps) {
    double ms = 0;
    double untilFit = 0;
    for (const Json& step : steps) {
        const std::string name = step.value("step", "");
        if (name != "build" && name != "preflight") ms += numberAt(step, "ms");
        if (name == "fit") untilFit = ms;
    }
    return untilFit / 1000;
}

std::string exceeds(const char* what, double value, double limit, const char* unit) {
    if (limit <= 0 || value <= limit) return "";
    return std::string(what) + " is " + std::to_string(value) + unit + " where " +
           std::to_string(limit) + unit + " are allowed";
}

}  // namespace

fs::path taskFolder() {
    return fs::path(TINSMITH_SOURCE_DIR) / "bench" / "tasks";
}

std::vector<SuiteTask> loadTasks(const fs::path& folder) {
    std::vector<SuiteTask> tasks;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".json") tasks.push_back(loadTask(entry.path()));
    }
    std::ranges::sort(tasks, {}, &SuiteTask::name);
    return tasks;
}

Comparison compare(const std::vector<Outcome>& first, const std::vector<Outcome>& second) {
    const auto meanOf = [](const std::vector<Outcome>& outcomes, const std::string& task) {
        double sum = 0;
        int jobs = 0;
        for (const Outcome& each : outcomes) {
            if (each.task != task) continue;
            sum += std::max(0.0, each.accuracy);
            ++jobs;
        }
        return jobs == 0 ? 0 : sum / jobs;
    };
    Comparison comparison;
    for (const Outcome& each : first) {
        const bool known = std::ranges::any_of(
            comparison.tasks, [&](const Comparison::Task& task) { return task.name == each.task; });
        const Comparison::Task task = {each.task, meanOf(first, each.task),
                                       meanOf(second, each.task)};
        if (!known && task.first + task.second > 0) comparison.tasks.push_back(task);
    }
    for (const Comparison::Task& task : comparison.tasks) {
        comparison.first += task.first / static_cast<double>(comparison.tasks.size());
        comparison.second += task.second / static_cast<double>(comparison.tasks.size());
    }
    return comparison;
}

std::string worseIn(const Comparison& comparison) {
    std::string text;
    const auto add = [&](const std::string& what, double first, double second) {
        char line[160];
        std::snprintf(line, sizeof line, "%s%s has %.4f where %.4f is reached",
                      text.empty() ? "" : "; ", what.c_str(), second, first);
        text += line;
    };
    if (comparison.second < comparison.first) add("the mean", comparison.first, comparison.second);
    for (const Comparison::Task& task : comparison.tasks) {
        if (task.second < task.first - kPoint) add(task.name, task.first, task.second);
    }
    return text;
}

void importData(e2e::Client& client, const SuiteTask& task) {
    Json request = task.import;
    request.update({{"action", "import"}, {"dataset", task.name}});
    succeed(client, "dataset", request, 300);
}

std::string faultOf(const SuiteTask& task, const Json& report) {
    const Json result = part(report, "result");
    const double accuracy = numberAt(part(result, "accuracy"), "test", -1);
    const double target = numberAt(part(task.request, "target"), "accuracy");
    if (accuracy < target)
        return "test accuracy " + std::to_string(accuracy) + " misses the target";
    if (part(result, "images").size() < 2) return "there are no images for both slots";
    const Json measured = part(result, "measured");
    const Json limits = part(task.request, "limits");
    const Json range = part(measured, "latency_ms_range");
    const double latency = range.is_array() && range.size() == 2 ? range[1].get<double>() : 0;
    if (measured.empty()) return "nothing was measured on the board";
    for (const std::string& fault :
         {exceeds("the image", numberAt(measured, "image_bytes") / 1000,
                  numberAt(limits, "flash_kb"), " KB"),
          exceeds("RAM", numberAt(measured, "ram_bytes") / 1000, numberAt(limits, "ram_kb"), " KB"),
          exceeds("latency", latency, numberAt(limits, "latency_ms"), " ms")}) {
        if (!fault.empty()) return fault;
    }
    const Json attempts = part(report, "attempts");
    const bool checked = std::ranges::any_of(attempts, [&](const Json& attempt) {
        return attempt.value("verdict", "") == "trained" &&
               part(attempt, "cost").value("fits", false) &&
               attempt.value("plan", Json()) == result.value("plan", Json());
    });
    return checked ? "" : "its plan is none of those that were checked and trained";
}

Outcome runTask(e2e::Client& client, const SuiteTask& task, int seed) {
    Json request = task.request;
    request.update({{"model", task.name}, {"dataset", task.name}, {"seed", seed}});
    const auto begin = Steady::now();
    const std::string job = start(client, "regenerate", request);
    const Json state = finish(client, job, 60 * task.minutes() + kPatienceSeconds);
    Outcome outcome;
    outcome.task = task.name;
    outcome.budget = 60 * task.minutes();
    outcome.whole = secondsSince(begin);
    const Json error = part(state, "error");
    outcome.ending = error.empty() ? state.value("state", "") : error.value("code", "");
    outcome.report = reportOf(client, job);
    const Json& report = outcome.report;
    const Json result = part(report, "result");
    outcome.accuracy = numberAt(part(result, "accuracy"), "test", -1);
    outcome.planner = part(result, "origin").value("planner", "-");
    const Json steps = stepsOf(client, job);
    outcome.planned = planningSeconds(steps);
    const auto builds = std::ranges::count_if(
        steps, [](const Json& step) { return step.value("step", "") == "build"; });
    for (const Json& attempt : part(report, "attempts"))
        outcome.attempts += attempt.value("verdict", "") == "not trained" ? 0 : 1;
    for (const Json& call : part(report, "calls")) {
        outcome.calls += call.value("calls", 1);
        outcome.tokens += static_cast<std::int64_t>(numberAt(call, "prompt_tokens") +
                                                    numberAt(call, "completion_tokens"));
    }
    if (outcome.ending != task.ending) {
        outcome.fault = outcome.ending + " where " + task.ending + " is right";
        if (!error.empty()) outcome.fault += ": " + error.value("message", "");
    } else if (outcome.ending == "succeeded") {
        outcome.fault = faultOf(task, report);
    } else if (builds > 0) {
        outcome.fault = "firmware was built all the same";
    }
    outcome.right = outcome.fault.empty();
    return outcome;
}

}  // namespace tinsmith::bench
