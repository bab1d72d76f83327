// The generate stage as a child process runs it (`tinsmith-work generate JOBDIR`).
#pragma once

#include <filesystem>
#include <functional>

#include "handlers/flow/json.hpp"

namespace tinsmith::build {

// JOBDIR/input.json:
//   {"tflite":"model.tflite","dataset":"path.tsd","plan":{…},"network":"folder","model":"fruit","version":"3"
//   or 3,
//    "golden":4,"board":"mps2-an386"}   paths relative to JOBDIR or absolute
// and "code_features", the file of a code::FeatureTable, where the plan has a block `code`.
// Writes JOBDIR/model.cpp and returns
//   {"source":"model.cpp","model_digest":hex,"board","report":{"arena_bytes","scratch_bytes","constant_bytes",
//    "golden_bytes","window_bytes","macs","operators":[{"index","op","macs","offset","bytes"}]}}
// An imported network comes without "plan" and "network", and with "labels":["…"] in the order of
// its outputs: its input is the window itself, "dataset" only holds windows to check it with.
// Golden vectors are validation windows spread evenly, with what the host's kernels answer. The
// caller writes output.json.
[[nodiscard]] Result<Json> generateStage(const std::filesystem::path& jobDir,
                                         const std::function<void(const Json&)>& progress);

}  // namespace tinsmith::build
