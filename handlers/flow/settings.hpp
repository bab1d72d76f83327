// The settings that handlers act on. `daemon/settings` reads them from TOML; every field's default
// is the documented one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tinsmith {

// What one asker may do: "regenerate", "dataset" (all its actions), "dataset.import", or "*".
struct Rights {
    std::vector<std::string> allow;
};

struct Retention {
    int versions = 5;  // finished versions kept a model, besides the running one
    int jobDays = 30;  // ended jobs, their steps, logs and request records
};

struct Quotas {
    std::uint64_t datasetBytes = 200'000'000;     // one dataset
    std::uint64_t totalBytes = 4'000'000'000;     // everything below the state folder
    std::uint64_t deviceWindowsPerHour = 20'000;  // windows taken in from one device
    std::uint64_t reserveBytes = 100'000'000;     // free space on the disk that new work must leave
};

struct PlannerSettings {
    int calls = 8;  // calls of the language model a job may make when its request does not say
    std::int64_t tokens = 60'000;
    double minutes = 5;  // running time of planning and training when the request does not say
};

struct RolloutSettings {
    std::int64_t deadlineS = 600;  // a device's time from offer to confirmed
    std::int64_t soakS = 0;
    int canary = 1;
    std::vector<double> waves = {1.0};
    int maxFailures = 0;
    int blockBytes = 1024;
    int blocksInFlight = 64;  // published and not yet acknowledged by the broker
};

struct Settings {
    std::string root = "tinsmith/gateway";  // topic prefix and gateway id
    std::filesystem::path stateDir;         // journal, artefacts, job folders
    std::filesystem::path dataDir;          // what `dataset import` may read
    std::filesystem::path shareDir;         // schemas/, prompts/ and boards as installed
    std::filesystem::path
        firmwareDir;  // boards/<name>/ with libraries, linker scripts, board.toml, boot.elf
    std::filesystem::path programDir;     // tinsmith-work, tinsmith-train, tinsmith-sign
    std::string board = "mps2-an386";     // when a request names none
    std::size_t requestBytes = 262'144;   // largest request payload
    std::size_t requestsPerMinute = 600;  // an asker's; more is answered `busy`
    std::string machine;                  // type of processor and version of the program
    std::size_t queuedJobs = 100;         // further long requests are answered `busy`
    std::map<std::string, Rights> askers;
    Retention retention;
    Quotas quotas;
    PlannerSettings planner;
    RolloutSettings rollout;
};

}  // namespace tinsmith
