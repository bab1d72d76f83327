// Google's own runtime in WebAssembly (tests/handlers/quantize/tfjs), as an independent check of
// exported models.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "handlers/flow/json.hpp"

namespace tinsmith::test {

class GoogleRuntime {
  public:
    // nullopt where node or the package registry is missing.
    static std::optional<GoogleRuntime> install() {
        GoogleRuntime runtime;
        const std::string script = runtime.scripts_ + "/install.sh " + runtime.packages_;
        if (std::system("command -v node >/dev/null 2>&1") != 0 || std::system(script.c_str()) != 0)
            return std::nullopt;
        return runtime;
    }

    struct Job {
        std::vector<std::uint8_t> model;
        std::vector<std::int8_t> samples;  // of each sample the model's inputs in order
    };
    // An output for each sample, or why the runtime refuses the model.
    struct Outcome {
        std::vector<std::vector<int>> outputs;
        std::string error;
    };

    // One outcome a job; none at all where the script fails (it prints why). All jobs in one
    // process: starting it takes longer than a small model's samples.
    std::vector<Outcome> run(const std::vector<Job>& jobs) const {
        const std::filesystem::path folder = std::filesystem::path(packages_) / "models";
        std::filesystem::create_directories(folder);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            write(folder / (std::to_string(i) + ".tflite"), jobs[i].model.data(),
                  jobs[i].model.size());
            write(folder / (std::to_string(i) + ".bin"), jobs[i].samples.data(),
                  jobs[i].samples.size());
        }
        const std::string output = packages_ + "/outputs.json";
        const std::string command = "node " + scripts_ + "/run.js " + packages_ + " " +
                                    folder.string() + " " + std::to_string(jobs.size()) + " >" +
                                    output;
        if (std::system(command.c_str()) != 0) return {};
        std::vector<Outcome> outcomes;
        std::ifstream in(output);
        for (std::string line; std::getline(in, line);) {
            const Json json = Json::parse(line);
            outcomes.push_back({json.value("outputs", std::vector<std::vector<int>>{}),
                                json.value("error", std::string())});
        }
        return outcomes;
    }

    // Scores for each input; nullopt where the runtime refuses the model (it prints why).
    std::optional<std::vector<std::vector<int>>> run(const std::vector<std::uint8_t>& model,
                                                     const std::vector<std::int8_t>& inputs) const {
        auto outcomes = run({Job{model, inputs}});
        if (outcomes.empty()) return std::nullopt;
        if (!outcomes[0].error.empty()) {
            std::printf("%s\n", outcomes[0].error.c_str());
            return std::nullopt;
        }
        return std::move(outcomes[0].outputs);
    }

  private:
    static void write(const std::filesystem::path& path, const void* bytes, std::size_t count) {
        std::ofstream(path, std::ios::binary)
            .write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
    }

    std::string scripts_ = std::string(TINSMITH_SOURCE_DIR) + "/tests/handlers/quantize/tfjs";
    std::string packages_ = std::string(TINSMITH_BUILD_DIR) + "/tfjs";
};

struct Comparison {
    std::size_t windows = 0, sameClass = 0, values = 0, overOne = 0;
};

// Counts; lists every value that differs by more than one step.
inline Comparison compareScores(const std::string& name, const std::vector<std::int8_t>& ours,
                                const std::vector<std::vector<int>>& theirs) {
    Comparison result;
    std::size_t at = 0;
    for (const auto& row : theirs) {
        const auto first = ours.begin() + static_cast<std::ptrdiff_t>(at);
        const auto best =
            std::max_element(first, first + static_cast<std::ptrdiff_t>(row.size())) - first;
        result.sameClass += best == std::max_element(row.begin(), row.end()) - row.begin() ? 1 : 0;
        for (std::size_t c = 0; c < row.size(); ++c, ++at) {
            if (std::abs(row[c] - ours[at]) <= 1) continue;
            ++result.overOne;
            std::printf("%s window %zu class %zu: ours %d, theirs %d\n", name.c_str(),
                        result.windows, c, ours[at], row[c]);
        }
        result.values += row.size();
        ++result.windows;
    }
    return result;
}

}  // namespace tinsmith::test
