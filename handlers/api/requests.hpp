// One typed struct a verb and action. Values are within the bounds of the JSON Schema; what a
// request leaves out is empty and gets its default from the settings where it is used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "handlers/flow/json.hpp"

namespace tinsmith {

struct Target {
    std::optional<double> accuracy;  // share of test windows, 0 < x <= 1
};

struct Limits {
    std::optional<double> flashKb;    // the whole signed image; KB = 1000 bytes
    std::optional<double> ramKb;      // .data + .bss + measured stack of the whole application
    std::optional<double> latencyMs;  // features and inference of one window at the board's clock
};

struct Budget {
    std::optional<double> minutes;  // running time of planning and training
    std::optional<int> llmCalls;
    std::optional<std::int64_t> llmTokens;
};

struct RolloutOptions {
    std::string group;
    std::optional<int> canary;
    std::optional<std::vector<double>> waves;  // rising shares of the group, the last is 1
    std::optional<std::int64_t> soakS;
    std::optional<std::int64_t> deadlineS;
    std::optional<int> maxFailures;
    bool approve = false;  // held until somebody approves it
};

struct RegenerateRequest {
    std::string id, model, dataset, board, task;  // board empty = the settings' one
    std::string advice;                           // for the planner; data, not orders
    Json plan;  // what stays fixed of the plan, whole or in part; null = nothing
    Target target;
    Limits limits;
    Budget budget;
    std::optional<RolloutOptions> rollout;
    bool force = false;
    bool dryRun = false;
    std::uint64_t seed = 1;
};

struct RetrainRequest {
    std::string id, model;
    std::optional<int> version;  // whose plan and weights; absent = the current one
    std::string dataset;         // empty = the model's own
    bool fresh = false;          // new weights instead of continued ones
    std::string advice;          // for the planner
    Json recipe;                 // of the plan's "training", whole or in part; null = the planner's
    Target target;               // what it leaves out is the model's
    Limits limits;
    Budget budget;
    std::optional<RolloutOptions> rollout;
    bool force = false;
    bool dryRun = false;
    std::uint64_t seed = 1;
};

struct RequantizeRequest {
    std::string id, model;
    std::optional<int> version;
    Target target;
    Limits limits;
    std::optional<int> windows;  // calibration windows
    std::optional<Json> recipe;  // the one to use, as a plan's "quantization"; absent = try them
    std::string advice;          // for the planner
    std::optional<RolloutOptions> rollout;
    bool force = false;
    bool dryRun = false;
};

struct RolloutStart {
    std::string id, model;
    std::optional<int> version;
    RolloutOptions rollout;
    bool dryRun = false;
};
struct RolloutAbort {
    std::string id, rollout;
};

struct RolloutApprove {
    std::string id, rollout;
};

struct DatasetImport {
    std::string id, dataset, path;
    Json options;  // the request itself, as the import stage reads it (handlers/dataset/import.hpp)
};
struct DatasetRecord {
    std::string id, dataset, device, label;
    double seconds = 0;
    std::optional<int> windowLength;  // these three: absent = the dataset's
    std::vector<std::string> channels;
    std::optional<double> rateHz;
    std::optional<std::string> units;
};
struct DatasetInfo {
    std::string id, dataset;
};
struct DatasetList {
    std::string id;
};
struct DatasetLabel {
    std::string id, dataset, from, to;
};
struct DatasetDrop {
    std::string id, dataset;
    std::optional<std::string> label, group;  // neither = the whole dataset
};

struct ModelList {
    std::string id;
};
struct ModelShow {
    std::string id, model;
    std::optional<int> version;
};

struct ModelImport {
    std::string id, model, path, board;  // board empty = the settings' one
    std::vector<std::string> labels;     // of the outputs, in order; empty = class-0, class-1, …
    Limits limits;
};

struct DeviceList {
    std::string id;
};
struct DeviceGroup {
    std::string id, device;
    std::vector<std::string> groups;  // replaces those it had
};
struct DeviceRemove {
    std::string id, device;
};

struct JobList {
    std::string id;
    std::optional<std::string> state;
    int limit = 50;  // the newest ones
};
struct JobShow {
    std::string id, job;
};
struct JobCancel {
    std::string id, job;
};
struct JobReport {
    std::string id, job;
    bool markdown = false;  // else JSON
};
struct JobText {
    std::string id, job, digest;
};
struct JobReplay {
    std::string id, job;
};

struct HealthRequest {
    std::string id;
};

using Request = std::variant<RegenerateRequest, RetrainRequest, RequantizeRequest, RolloutStart,
                             RolloutAbort, RolloutApprove, DatasetImport, DatasetRecord,
                             DatasetInfo, DatasetList, DatasetLabel, DatasetDrop, ModelList,
                             ModelShow, ModelImport, DeviceList, DeviceGroup, DeviceRemove, JobList,
                             JobShow, JobCancel, JobReport, JobText, JobReplay, HealthRequest>;

}  // namespace tinsmith
