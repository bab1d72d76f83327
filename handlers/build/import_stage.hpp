// The import of a foreign network as a child process runs it (`tinsmith-work import-model JOBDIR`).
#pragma once

#include <filesystem>
#include <functional>

#include "handlers/flow/json.hpp"

namespace tinsmith::build {

inline constexpr int kSyntheticWindows = 32;
inline constexpr std::size_t kMaxImportedOutputs = 1024;

// JOBDIR/input.json: {"root":"/data","path":"model.tflite","kernels":"armv7em","labels":["…"]?,
//   "flash_left","ram_left": bytes that the board has for constants, and for tensors and window?}
// Reads any int8 .tflite classifier with one input and one output, and makes windows to check its
// firmware with. They are synthetic, pseudo-random over the whole int8 range of the input: they
// tell whether the board computes what the gateway computes, and nothing about accuracy. Writes
// JOBDIR/model.tflite (the file as it was), windows.tsd (one part, validation) and outputs.bin
// (int8 scores, window after window) and returns
//   {"tflite":"model.tflite","windows":"windows.tsd","outputs":"outputs.bin","sha256","bytes",
//    "input":{"shape","scale","zero_point"},"output":{…},"window":{"length","channels"},"labels":[…],
//    "macs","constant_bytes","arena_bytes","window_bytes",
//    "operators":[{"index","op","kernel","macs","offset","bytes","scratch"}]}
// A network that has no room is only described: no files, and running it could take long.
// bad_path, bad_data (damaged), unsupported (with operator and index), schema (labels).
[[nodiscard]] Result<Json> importModelStage(const std::filesystem::path& jobDir,
                                            const std::function<void(const Json&)>& progress);

}  // namespace tinsmith::build
