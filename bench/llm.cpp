// The task suite against a language model, a scripted one or none: how each task ended, how well
// the model does on test windows, and what it took.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <list>
#include <map>
#include <memory>
#include <stdexcept>

#include "bench/bench.hpp"
#include "bench/engineers.hpp"
#include "bench/suite.hpp"

namespace tinsmith::bench {

namespace {

// So many of so many tasks end right on every path.
constexpr int kRight = 10;
constexpr int kOf = 12;
// And so long a path through all of them may take, where each has its own budget.
constexpr double kMostSeconds = 1800;

struct Engineer {
    std::string name = "none";  // or the URL of a real server
    std::string model;          // of a real server
};

struct Wish {
    std::vector<Engineer> engineers;
    std::string only;  // empty = all
    int repeat = 1;
    int seeds = 1;
    double minutes = 0;             // 0 = each task's own
    std::filesystem::path reports;  // where each job's report is kept; empty = nowhere
};

// A house with one engineer, and how its tasks went.
struct Path {
    Engineer engineer;
    e2e::ScriptedModel scripted;
    std::unique_ptr<e2e::House> house;
    std::unique_ptr<e2e::Client> client;
    std::vector<Outcome> outcomes;
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
           ", or URL MODEL of an OpenAI-compatible server; a second one is compared with the "
           "first), --only TASK, --repeat N, --seeds N, --minutes M, --reports FOLDER";
}

Wish parse(const Options& options) {
    Wish wish;
    for (std::size_t i = 0; i < options.size(); ++i) {
        const std::string& option = options[i];
        if (i + 1 == options.size()) throw std::runtime_error(knownOptions());
        const std::string& value = options[++i];
        if (option == "--engineer") {
            wish.engineers.push_back({value, ""});
            if (value.find("://") == std::string::npos) continue;
            if (++i == options.size()) throw std::runtime_error("name the model after its URL");
            wish.engineers.back().model = options[i];
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
    if (wish.engineers.empty()) wish.engineers.emplace_back();
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

// What the tables call an engineer.
const std::string& nameOf(const Engineer& engineer) {
    return engineer.model.empty() ? engineer.name : engineer.model;
}

void printHead() {
    std::printf("%-20s %-10s %-5s %-14s %7s %6s %8s %5s %7s %8s %7s %7s  %s\n", "task", "engineer",
                "right", "ending", "target", "test", "attempts", "calls", "tokens", "budget s",
                "plan s", "whole s", "by");
}

void print(const SuiteTask& task, const Engineer& engineer, const Outcome& outcome) {
    char accuracy[16] = "-";
    if (outcome.accuracy >= 0) std::snprintf(accuracy, sizeof accuracy, "%.3f", outcome.accuracy);
    std::printf("%-20s %-10s %-5s %-14s %7.3f %6s %8d %5d %7lld %8.0f %7.1f %7.1f  %s\n",
                task.name.c_str(), nameOf(engineer).c_str(), outcome.right ? "yes" : "NO",
                outcome.ending.c_str(), task.request["target"]["accuracy"].get<double>(), accuracy,
                outcome.attempts, outcome.calls, static_cast<long long>(outcome.tokens),
                outcome.budget, outcome.planned, outcome.whole, outcome.planner.c_str());
    if (!outcome.fault.empty()) std::printf("    %s\n", outcome.fault.c_str());
    std::fflush(stdout);
}

// One file a job, for who wants to know why it ended as it did.
void keepReport(const std::filesystem::path& folder, const Path& path, int number) {
    if (folder.empty()) return;
    std::filesystem::create_directories(folder);
    const Outcome& outcome = path.outcomes.back();
    std::string name = nameOf(path.engineer);
    std::ranges::replace(name, '/', '_');
    const auto file = folder / (outcome.task + "-" + name + "-" + std::to_string(number) + ".json");
    std::ofstream(file) << outcome.report.dump(1) << '\n';
    if (!std::filesystem::exists(file)) throw std::runtime_error("cannot write " + file.string());
}

double secondsOf(const Path& path) {
    double seconds = 0;
    for (const Outcome& each : path.outcomes) seconds += each.whole;
    return seconds;
}

// Whether enough tasks ended right.
bool printAll(const Path& path) {
    int right = 0;
    int calls = 0;
    int models = 0;
    double sum = 0;
    int kept = 0;
    double worst = 0;
    std::int64_t tokens = 0;
    std::map<std::string, int> ways;
    for (const Outcome& each : path.outcomes) {
        right += each.right ? 1 : 0;
        calls += each.calls;
        tokens += each.tokens;
        kept += each.planned <= each.budget ? 1 : 0;
        worst = std::max(worst, each.planned / each.budget);
        models += each.accuracy >= 0 ? 1 : 0;
        sum += std::max(0.0, each.accuracy);
        if (each.accuracy >= 0) ++ways[each.planner];
    }
    const auto all = static_cast<int>(path.outcomes.size());
    std::printf("\n%s: %d of %d ended right", nameOf(path.engineer).c_str(), right, all);
    if (models > 0) std::printf(", mean test accuracy %.4f of %d models", sum / models, models);
    std::printf(", %d calls, %lld tokens, %.0f s\n", calls, static_cast<long long>(tokens),
                secondsOf(path));
    for (const auto& [planner, count] : ways)
        std::printf("%d models by the plan of %s\n", count, planner.c_str());
    std::printf("%d of %d kept their budget, final fit included; the worst took %.0f %% of it\n",
                kept, all, 100 * worst);
    return right * kOf >= all * kRight;
}

// Whether the second is nowhere worse.
bool printComparison(const Path& first, const Path& second) {
    const Comparison comparison = compare(first.outcomes, second.outcomes);
    const std::string& a = nameOf(first.engineer);
    const std::string& b = nameOf(second.engineer);
    std::printf("\n%-20s %10s %10s %10s\n", "mean test accuracy", a.c_str(), b.c_str(),
                "difference");
    const auto row = [](const std::string& name, double one, double other) {
        std::printf("%-20s %10.4f %10.4f %+10.4f\n", name.c_str(), one, other, other - one);
    };
    for (const Comparison::Task& task : comparison.tasks) row(task.name, task.first, task.second);
    row("all", comparison.first, comparison.second);
    const std::string worse = worseIn(comparison);
    if (!worse.empty())
        std::printf("%s is worse than %s: %s\n", b.c_str(), a.c_str(), worse.c_str());
    return worse.empty();
}

void open(Path& path) {
    const Engineer& who = path.engineer;
    e2e::House::Options where;
    where.dataDir = e2e::sharedFolder() / "data";
    if (!who.model.empty()) {
        where.extraSettings = settingsFor(who.name, who.model);
    } else if (who.name != "none") {
        if (!path.scripted.converse(engineer(who.name)))
            throw std::runtime_error("the scripted engineer cannot listen");
        where.extraSettings = settingsFor(path.scripted.url(), who.name);
    }
    path.house = std::make_unique<e2e::House>(where);
    path.client = path.house->client();
}

}  // namespace

void llm(const Options& options) {
    const Wish wish = parse(options);
    const std::vector<SuiteTask> tasks = tasksOf(wish);
    if (e2e::sharedFolder().empty())
        throw std::runtime_error(
            "no recordings: set TINSMITH_SHARED to the folder that holds data/");
    std::list<Path> paths;
    for (const Engineer& each : wish.engineers) {
        const bool known = std::ranges::any_of(
            paths, [&](const Path& path) { return nameOf(path.engineer) == nameOf(each); });
        if (known) throw std::runtime_error("two engineers are called " + nameOf(each));
        paths.emplace_back().engineer = each;
        open(paths.back());
    }
    printHead();
    for (const SuiteTask& task : tasks) {
        for (Path& path : paths) importData(*path.client, task);
        for (int round = 0; round < wish.seeds * wish.repeat; ++round) {
            for (Path& path : paths) {
                path.outcomes.push_back(runTask(*path.client, task, 1 + round / wish.repeat));
                print(task, path.engineer, path.outcomes.back());
                keepReport(wish.reports, path, round + 1);
            }
        }
    }
    bool enough = true;
    bool better = true;
    bool quick = true;
    for (const Path& path : paths) {
        enough = printAll(path) && enough;
        const bool inTime = secondsOf(path) <= kMostSeconds * wish.seeds * wish.repeat;
        quick = quick && (wish.minutes > 0 || inTime);
    }
    for (auto path = std::next(paths.begin()); path != paths.end(); ++path)
        better = printComparison(paths.front(), *path) && better;
    if (!enough) throw std::runtime_error("fewer than 10 of 12 tasks ended right");
    if (!quick) throw std::runtime_error("a path took more than 30 minutes");
    if (!better) throw std::runtime_error("a path is worse than the first");
}

}  // namespace tinsmith::bench
