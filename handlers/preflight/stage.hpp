// Preflight: the built images run on the emulated board, and every
// output is compared with what the gateway's kernels gave. Before and after the emulator, as child
// processes run it (`tinsmith-work preflight-prepare` and `preflight-check`); between the two the
// caller runs handlers/preflight/emulate.hpp.
#pragma once

#include <filesystem>
#include <functional>

#include "handlers/flow/json.hpp"

namespace tinsmith::preflight {

// JOBDIR/input.json:
//   {"boot":"boot.elf","images":{"a":path,"b":path},"tflite":path,"dataset":path,"part":"validation"|"test",
//    "outputs":path,"max_windows":N?,"second_windows":32?,"instructions_per_tick":40?,
//    "windowing":{"length","stride"}? where the plan cuts other windows than the dataset}
// images: unsigned, one a slot. outputs: int8 scores, window after window, in the order of
// dataset::windows, at least as many as are run; windows beyond them are left out. Slot a runs all
// windows (spread evenly if max_windows is less), slot b `second_windows` of them. Paths are
// absolute or relative to JOBDIR.
// "plan" and "code_features" (a code::FeatureTable) of a plan with a feature block in C: what the
// board must compute, to the bit.
// "decision":true writes JOBDIR/code-input for the decision rule's program: all runs, each as one
// recording.
//
// Signs each image with a key that exists only in this process, so that the release differs in key
// hash and signature alone, and writes JOBDIR/boot.elf, which trusts that key, a flash file for
// each run and prepared.json. Returns
//   {"boot":"boot.elf","windows":N,"runs":[{"slot":"a","first":0,"count":N,"flash":"a-0.flash","log":"a-0.log"},…]}
// Many or large windows are split over several runs of a slot. bad_data or bad_path for inputs that
// do not fit together.
[[nodiscard]] Result<Json> prepareStage(const std::filesystem::path& jobDir,
                                        const std::function<void(const Json&)>& progress);

// JOBDIR/input.json: {"prepared":folder}, the folder that prepareStage wrote and the emulator ran
// on; absent = JOBDIR. "decided":file, what the decision rule's program made of code-input: the
// board must have decided the same. Returns
//   {"slots":{"a":{"windows","mismatches":0,"golden":N,"stack_high_water","instructions":
//      {"features":{"mean","max"},"inference":{"mean","max"},"total":{"mean","max"},
//      "code":{"max" of one call}}},"b":{…}},
//    "instructions":{as above, the larger of both slots},"stack_high_water"}
// preflight_failed with slot, window, class, expected and got where an output differs, a golden
// vector failed, or the board did not answer.
[[nodiscard]] Result<Json> checkStage(const std::filesystem::path& jobDir,
                                      const std::function<void(const Json&)>& progress);

}  // namespace tinsmith::preflight
