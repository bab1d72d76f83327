// The task suite: tasks in plain language over the recordings, each with the ending that is right.
// One file of bench/tasks a task:
//   "note"     what is special about it, for people
//   "import"   a `dataset import` request without action and dataset
//   "request"  a `regenerate` request without model and dataset
//   "ending"   "succeeded", or the code of the honest failure
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/e2e/house.hpp"

namespace tinsmith::bench {

struct SuiteTask {
    std::string name;
    Json import;
    Json request;
    std::string ending;
    double minutes() const { return request["budget"]["minutes"].get<double>(); }
};

// All tasks of the folder by name; a budget of three minutes where a task says nothing. Throws what
// is wrong with a file.
std::vector<SuiteTask> loadTasks(const std::filesystem::path& folder);
std::filesystem::path taskFolder();

// How a task went.
struct Outcome {
    std::string task;
    bool right = false;    // the right ending, and nothing wrong on the way
    std::string ending;    // "succeeded", else the error's code
    std::string fault;     // what is wrong
    double accuracy = -1;  // of the int8 model on test windows; below 0 = there is no model
    int attempts = 0;      // plans that were trained
    int calls = 0;         // of the language model
    std::int64_t tokens = 0;
    double planned = 0;   // seconds of planning and training, the final fit included
    double whole = 0;     // seconds from request to end
    double budget = 0;    // seconds
    std::string planner;  // whose plan it became
    Json report;          // of the job, as `job report` gives it
};

// Mean test accuracy of two paths through the same tasks with the same seeds. A job without a model
// counts as 0, a task for which neither path has any is left out.
struct Comparison {
    struct Task {
        std::string name;
        double first, second;  // means over seeds
    };
    std::vector<Task> tasks;  // in order of the outcomes
    double first = 0;         // means over the tasks
    double second = 0;
};
Comparison compare(const std::vector<Outcome>& first, const std::vector<Outcome>& second);
// Where the second path is worse: its mean is lower, or a task is more than a point below. Empty =
// nowhere.
std::string worseIn(const Comparison& comparison);

// Imports the task's data under its name.
void importData(e2e::Client& client, const SuiteTask& task);
Outcome runTask(e2e::Client& client, const SuiteTask& task, int seed);

// What is wrong with a firmware that a job calls a success; empty = nothing. It must meet target
// and limits, and its plan must be one that was checked and trained.
std::string faultOf(const SuiteTask& task, const Json& report);

}  // namespace tinsmith::bench
