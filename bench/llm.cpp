// The task suite against a language model, a scripted one or none: how each task ended, how well
// the model does on test windows, and what it took.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "bench/bench.hpp"
#include "bench/engineers.hpp"
#include "bench/suite.hpp"

namespace tinsmith::bench {

namespace {

struct Wish {
    std::string engineer = "none";
    std::string model;  // of a real server
    std::string only;   // empty = all
    int repeat = 1;
    int seeds = 1;
    double minutes = 0;             // 0 = each task's own
    std::filesystem::path reports;  // where each job's report is kept; empty = nowhere
};

template <class Number>
Number positive(const std::string& option, const std::string& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value > 0))
        throw std::runtime_error(option + " wants a number above 0");
    return value;
}

std::string knownOptions() {
    std::string names = "none";
    for (const std::string& name : engineerNames()) names += ", " + name;
    return "llm knows --engineer (" + names +
           ", or URL MODEL of an OpenAI-compatible server), --only TASK, --repeat N, --seeds N, "
           "--minutes M, --reports FOLDER";
}

Wish parse(const Options& options) {
    Wish wish;
    for (std::size_t i = 0; i < options.size(); ++i) {
        const std::string& option = options[i];
        if (i + 1 == options.size()) throw std::runtime_error(knownOptions());
        const std::string& value = options[++i];
        if (option == "--engineer") {
            wish.engineer = value;
            if (value.find("://") == std::string::npos) continue;
            if (++i == options.size()) throw std::runtime_error("name the model after its URL");
            wish.model = options[i];
        } else if (option == "--only") {
            wish.only = value;
        } else if (option == "--repeat") {
            wish.repeat = positive<int>(option, value);
        } else if (option == "--seeds") {
            wish.seeds = positive<int>(option, value);
        } else if (option == "--minutes") {
            wish.minutes = positive<double>(option, value);
        } else if (option == "--reports") {
            wish.reports = value;
        } else {
            throw std::runtime_error(knownOptions());
        }
    }
    return wish;
}

std::vector<SuiteTask> tasksOf(const Wish& wish) {
    std::vector<SuiteTask> tasks = loadTasks(taskFolder());
    std::string names;
    for (SuiteTask& task : tasks) {
        names += " " + task.name;
        if (wish.minutes > 0) task.request["budget"]["minutes"] = wish.minutes;
    }
    if (!wish.only.empty())
        std::erase_if(tasks, [&](const SuiteTask& task) { return task.name != wish.only; });
    if (tasks.empty()) throw std::runtime_error("there is no such task; there is" + names);
    return tasks;
}

void printHead() {
    std::printf("%-20s %-5s %-14s %7s %6s %8s %5s %7s %8s %7s %7s  %s\n", "task", "right", "ending",
                "target", "test", "attempts", "calls", "tokens", "budget s", "plan s", "whole s",
                "by");
}

void print(const SuiteTask& task, const Outcome& outcome) {
    char accuracy[16] = "-";
    if (outcome.accuracy >= 0) std::snprintf(accuracy, sizeof accuracy, "%.3f", outcome.accuracy);
    std::printf("%-20s %-5s %-14s %7.3f %6s %8d %5d %7lld %8.0f %7.1f %7.1f  %s\n",
                task.name.c_str(), outcome.right ? "yes" : "NO", outcome.ending.c_str(),
                task.request["target"]["accuracy"].get<double>(), accuracy, outcome.attempts,
                outcome.calls, static_cast<long long>(outcome.tokens), outcome.budget,
                outcome.planned, outcome.whole, outcome.planner.c_str());
    if (!outcome.fault.empty()) std::printf("    %s\n", outcome.fault.c_str());
    std::fflush(stdout);
}

// One file a job, for who wants to know why it ended as it did.
void keepReport(const std::filesystem::path& folder, const Outcome& outcome, std::size_t number) {
    if (folder.empty()) return;
    std::filesystem::create_directories(folder);
    const auto file = folder / (outcome.task + "-" + std::to_string(number) + ".json");
    std::ofstream(file) << outcome.report.dump(1) << '\n';
    if (!std::filesystem::exists(file)) throw std::runtime_error("cannot write " + file.string());
}

void printAll(const std::vector<Outcome>& outcomes, double seconds) {
    int right = 0;
    int calls = 0;
    int models = 0;
    double sum = 0;
    int kept = 0;
    double worst = 0;
    std::int64_t tokens = 0;
    for (const Outcome& each : outcomes) {
        right += each.right ? 1 : 0;
        calls += each.calls;
        tokens += each.tokens;
        kept += each.planned <= each.budget ? 1 : 0;
        worst = std::max(worst, each.planned / each.budget);
        models += each.accuracy >= 0 ? 1 : 0;
        sum += std::max(0.0, each.accuracy);
    }
    const auto all = static_cast<int>(outcomes.size());
    std::printf("\n%d of %d ended right", right, all);
    if (models > 0) std::printf(", mean test accuracy %.4f of %d models", sum / models, models);
    std::printf(", %d calls, %lld tokens, %.0f s\n", calls, static_cast<long long>(tokens),
                seconds);
    std::printf("%d of %d kept their budget, final fit included; the worst took %.0f %% of it\n",
                kept, all, 100 * worst);
    // Ten of twelve is what every path has to reach.
    if (right * 12 < all * 10) throw std::runtime_error("fewer than 10 of 12 tasks ended right");
}

}  // namespace

void llm(const Options& options) {
    const Wish wish = parse(options);
    const std::vector<SuiteTask> tasks = tasksOf(wish);
    if (e2e::sharedFolder().empty())
        throw std::runtime_error(
            "no recordings: set TINSMITH_SHARED to the folder that holds data/");
    e2e::ScriptedModel scripted;
    e2e::House::Options where;
    where.dataDir = e2e::sharedFolder() / "data";
    if (!wish.model.empty()) {
        where.extraSettings = settingsFor(wish.engineer, wish.model);
    } else if (wish.engineer != "none") {
        if (!scripted.converse(engineer(wish.engineer)))
            throw std::runtime_error("the scripted engineer cannot listen");
        where.extraSettings = settingsFor(scripted.url(), wish.engineer);
    }
    e2e::House house(where);
    const auto client = house.client();
    const auto begin = Steady::now();
    std::vector<Outcome> outcomes;
    std::printf("engineer: %s %s\n", wish.engineer.c_str(), wish.model.c_str());
    printHead();
    for (const SuiteTask& task : tasks) {
        importData(*client, task);
        for (int round = 0; round < wish.seeds * wish.repeat; ++round) {
            outcomes.push_back(runTask(*client, task, 1 + round / wish.repeat));
            print(task, outcomes.back());
            keepReport(wish.reports, outcomes.back(), static_cast<std::size_t>(round) + 1);
        }
    }
    printAll(outcomes, secondsSince(begin));
}

}  // namespace tinsmith::bench
