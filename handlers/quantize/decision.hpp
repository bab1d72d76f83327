// What a plan's decision rule makes of the network's outputs.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"

namespace tinsmith::quantize {

// A window each: whether it is the first of its recording, where a rule's memory begins anew.
[[nodiscard]] std::vector<bool> beginnings(const std::vector<dataset::WindowRef>& windows);

// How good the rule is (`tinsmith-work decide JOBDIR`). JOBDIR/input.json:
//   {"dataset":"path.tsd","plan":{…},"part":"validation","outputs":"path","decided":"path"}
// and "fold" where it is another than 0. outputs: of that part, as quantizeStage() wrote them;
// decided: what the rule's program made of code-input-<part>. A window counts as what was published
// last in its recording, and as wrong before anything was. Returns
//   {"windows","correct","accuracy","lower90","confusion","per_class":{label: recall or null},
//    "published": share of windows for which something was published,"network_accuracy"}
// confusion holds the windows for which there was something published. build_failed where the
// rule's answers are not what they should be.
[[nodiscard]] Result<Json> decideStage(const std::filesystem::path& jobDir,
                                       const std::function<void(const Json&)>& progress);

}  // namespace tinsmith::quantize
