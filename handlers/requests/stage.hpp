// Runs one stage program as a child in a folder of its job: input.json in, progress lines out,
// output.json back.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "handlers/flow/job.hpp"

namespace tinsmith {

// Runs `<program> <stage> FOLDER` (`<program> FOLDER` when `stage` is empty) in the job's scratch
// folder `folderName`, which starts empty but for input.json and copies of `files` (name in the
// folder → source). The child's progress lines,
// {"percent":0-100,"text":"…", further metrics}, move the job from `percentFrom` to `percentTo`;
// those with metrics become job events. Returns output.json with "folder": the absolute path of the
// folder, below which the files that it names lie. Errors: the child's own (its output.json),
// timeout (a wall, CPU or file size limit), internal (it crashed or left no usable output.json),
// cancelled, storage_full.
Task<Result<Json>> runStage(Job& job, std::string program, std::string stage, Json input,
                            std::string folderName, int percentFrom, int percentTo,
                            std::map<std::string, std::filesystem::path> files = {});

// `name` as a file directly below `folder`, refused (bad_path) when it leaves that folder or is no
// regular file.
[[nodiscard]] Result<std::filesystem::path> childFile(const std::filesystem::path& folder,
                                                      const std::string& name);

}  // namespace tinsmith
