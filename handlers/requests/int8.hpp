// From float weights to an int8 network by the plan's recipe: what regenerate, retrain and
// requantize share.
#pragma once

#include <filesystem>
#include <string>

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

// Runs the quantise stage on the network in a folder, with a pass of fine-tuning through int8
// arithmetic before where the recipe asks for one. Returns the stage's output with "folder", as
// handlers/quantize/stage.hpp says; `parts` are evaluated, agreement is with that network. `fold`:
// the cut of the data that the network was trained on.
Task<Result<Json>> toInt8(Job& job, Goal goal, Json plan, std::filesystem::path network, Json parts,
                          int percentFrom, int percentTo, int fold = 0);

// Float weights to int8, measured once on test: {"tflite"
// (artefact),"parts":{"validation","test"},"outputs":{"validation","test"} (artefacts of the int8
// outputs), …}. `network` is what fit returned.
Task<Result<Json>> quantize(Job& job, Goal goal, Json plan, Json network);

// What a step that does either is called: `usual`, or "fine-tune" where the recipe trains, for a
// replay on another type of machine takes over what was trained.
std::string int8Step(const Json& plan, const std::string& usual);

// Lays what fit returned into the job's folder `network` again, as the stages read it.
[[nodiscard]] Result<std::filesystem::path> restoreNetwork(Job& job, const Json& network);

}  // namespace tinsmith
