// What the stages after training read: dataset, plan, normalisation and the float network.
#pragma once

#include <filesystem>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/quantize/features.hpp"
#include "handlers/train/float_network.hpp"
#include "handlers/train/samples.hpp"

namespace tinsmith::quantize {

struct StageData {
    Json json;  // the whole input.json, an object
    dataset::Dataset data;
    plan::WindowShape window;
};

struct StageInput : StageData {
    plan::Plan plan;
};

// Reads JOBDIR/input.json with the member "dataset", and "fold" (dataset/folds.hpp) where it is
// another than 0; what loading the dataset fails with.
[[nodiscard]] Result<StageData> readStageData(const std::filesystem::path& jobDir);
// The member "plan", which must fit the window; `schema` with the path of what is wrong.
[[nodiscard]] Result<plan::Plan> planMember(StageData& data);

// The features of `plan` under `normalisation`, those of its code out of the table that
// "code_features" names.
[[nodiscard]] Result<Features> featuresOf(const StageData& data, const plan::Plan& plan,
                                          const train::Normalisation& normalisation,
                                          const std::filesystem::path& jobDir);

// readStageData() and planMember().
[[nodiscard]] Result<StageInput> readStageInput(const std::filesystem::path& jobDir);

// Members of input.json that not every stage has; `schema` with the path where they are wrong.
// A path: relative to the job folder unless absolute.
[[nodiscard]] Result<std::filesystem::path> pathMember(const Json& json, const char* key,
                                                       const std::filesystem::path& jobDir);
// A list of names of parts; empty where it is absent.
[[nodiscard]] Result<std::vector<dataset::Part>> partsMember(const Json& json, const char* key);
// The float network in the folder named by `key`.
[[nodiscard]] Result<train::FloatNetwork> networkMember(const Json& json,
                                                        const std::filesystem::path& jobDir,
                                                        const char* key = "network");
// "network_json": what network.json holds; only its {"features":{"mean","inverse_deviation"}} is
// read.
[[nodiscard]] Result<train::Normalisation> normalisationMember(const Json& json);

inline train::Normalisation normalisationOf(const train::FloatNetwork& network) {
    return {network.mean, network.inverseDeviation};
}

}  // namespace tinsmith::quantize
