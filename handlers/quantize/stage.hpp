// The quantise and evaluate stages as child processes run them (`tinsmith-work quantize JOBDIR`, `…
// evaluate JOBDIR`).
#pragma once

#include <filesystem>
#include <functional>

#include "handlers/flow/json.hpp"

namespace tinsmith::quantize {

// JOBDIR/input.json:
//   {"dataset":"path.tsd","plan":{…},"network":"folder","evaluate":["validation"] or
//   ["validation","test"],
//    "windows_out":N}   paths relative to JOBDIR or absolute; windows_out: most windows a part in
//    outputs-<part>.bin,
//                       absent = all
//    "reference":"folder"  a float network to measure agreement with instead; may be absent
//    "ranges":{…}          of the activations, where "network" was fine-tuned for them: then
//    nothing
//                          is calibrated or corrected; may be absent
// Calibrates on the train part by the plan's recipe, writes JOBDIR/model.tflite and
// outputs-<part>.bin (int8 scores, window after window, in the order of dataset::windows) and
// returns
//   {"tflite":"model.tflite","sha256","bytes","macs","input":{"scale","zero_point"},
//    "parts":{"validation":{"windows","correct","accuracy","lower90","float_accuracy","agreement","confusion":[[…]],
//             "per_class":{label: recall or null},"outputs":"outputs-validation.bin"}}}
// "fold" in the input: another cut of the data (handlers/dataset/folds.hpp). "code_features": the
// file of a code::FeatureTable, where the plan has a block `code`.
// Where the plan has a decision rule, code-input-<part> is what its program is given
// (handlers/code). And "ranges", as handlers/train/int8_scales.hpp writes them. Where the recipe
// asks for fine-tuning and no ranges were given, JOBDIR/start is the float network to fine-tune,
// biases corrected; the caller runs the trainer and comes back with what it made. The int8 graph is
// evaluated with the microcontroller's own features and kernels. The caller writes output.json.
[[nodiscard]] Result<Json> quantizeStage(const std::filesystem::path& jobDir,
                                         const std::function<void(const Json&)>& progress);

// How a model of another version does on a dataset. JOBDIR/input.json:
//   {"tflite":"path","dataset":"path.tsd","plan":{…},"network_json":{…},"parts":["test"]}
// with that version's plan and network.json (its normalisation), "code_features" as above. Returns
//   {"parts":{"test":{"windows","correct","accuracy","lower90","confusion","per_class"}}}
// bad_data where the model has other classes or another window than the dataset.
[[nodiscard]] Result<Json> evaluateStage(const std::filesystem::path& jobDir,
                                         const std::function<void(const Json&)>& progress);

}  // namespace tinsmith::quantize
