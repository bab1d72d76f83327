// What the stages that start from a trained network read: dataset, plan and float network.
#pragma once

#include <filesystem>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/train/float_network.hpp"

namespace tinsmith::quantize {

struct StageInput {
    Json json;  // the whole input.json, an object
    dataset::Dataset data;
    plan::Plan plan;
    plan::WindowShape window;
    train::FloatNetwork network;
    std::vector<dataset::Part> evaluate;
    std::size_t windowsOut = 0;  // most windows a part in outputs files
};

// Reads JOBDIR/input.json with the members "dataset", "plan", "network", and, where present, "evaluate" and
// "windows_out". `schema` with the path of what is wrong; else what loading the named files fails with.
[[nodiscard]] Result<StageInput> readStageInput(const std::filesystem::path& jobDir);

}  // namespace tinsmith::quantize
