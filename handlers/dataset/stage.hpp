// The dataset stages as child processes run them: JOBDIR/input.json in, files and the object for
// output.json out. The caller writes output.json (also for errors) and prints progress; see
// handlers/dataset/import.hpp for the rules.
#pragma once

#include <filesystem>

#include "handlers/dataset/import.hpp"
#include "handlers/flow/json.hpp"

namespace tinsmith::dataset {

// {"root":"/data","request":{the import request},"limits":{"max_bytes","max_windows","max_files"}?}
//   -> JOBDIR/dataset.tsd and {"dataset":"dataset.tsd","sha256":hex,"card":{…},"plots":text}
[[nodiscard]] Result<Json> importStage(const std::filesystem::path& jobDir,
                                       const Progress& progress);

// {"dataset":path} -> {"sha256","card","plots"}
[[nodiscard]] Result<Json> profileStage(const std::filesystem::path& jobDir,
                                        const Progress& progress);

// {"dataset":path,"query":{config/schemas/look.json}} -> {"text"}, of at most kMaxLookBytes
[[nodiscard]] Result<Json> lookStage(const std::filesystem::path& jobDir, const Progress& progress);

// {"dataset":path or
// null,"recorded":{"file":"recorded.bin","label","group","channels":[…],"length","stride",
//  "units"?,"rate_hz"?,"indices":[…]?},"limits"?} with float32 LE windows in JOBDIR/recorded.bin
//   -> JOBDIR/dataset.tsd and {"dataset","sha256","card","plots"}
[[nodiscard]] Result<Json> appendStage(const std::filesystem::path& jobDir,
                                       const Progress& progress);

// {"dataset":path,"rename":{"from","to"}} or {"dataset":path,"drop":{"label"?,"group"?}}
//   -> JOBDIR/dataset.tsd and {"dataset","sha256","card","plots"}
[[nodiscard]] Result<Json> editStage(const std::filesystem::path& jobDir, const Progress& progress);

}  // namespace tinsmith::dataset
