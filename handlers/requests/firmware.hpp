// Firmware for one version: generated, compiled and linked for both slots in the compile cage,
// wrapped as unsigned images and proven on the emulated board.
#pragma once

#include <cstdint>
#include <string>

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

struct FirmwareSpec {
    Goal goal;
    Json plan;       // an empty object for an imported network; the labels are then in goal.card
    Json network;    // {"network_json","weights"}; empty likewise
    Json quantized;  // {"tflite","outputs":{part: artefact},…}
    int version = 0;
    std::uint32_t counter = 0;  // security counter of the images
};

// {"images":[{"board","slot","digest","unsigned" (artefact),"bytes"}],"report":{operators,
// buffers},"flash_bytes","ram_bytes"}. Fails with build_failed (the compiler's words), not_feasible
// (the linker finds no room on the board) or too_large (does not fit a slot).
Task<Result<Json>> buildStep(Job& job, FirmwareSpec spec);

// The larger of the slots' images that buildStep returned, once it is signed.
[[nodiscard]] std::uint64_t signedImageBytes(const Json& built);

// Runs the built images on the emulated board:
// {"slots":{…},"instructions":{…},"stack_bytes","ram_bytes","latency_ms","latency_ms_range"}. Fails
// with preflight_failed (slot, window, class, expected and got).
Task<Result<Json>> preflightStep(Job& job, FirmwareSpec spec, Json built);

// What was measured of the images, against the limits of the request. Feasibility was estimated
// before training; this is the last word. `measured`: what preflightStep returned, and
// "image_bytes" of the larger signed image. Fails with not_feasible.
[[nodiscard]] Status checkLimits(const plan::BoardLimits& limits, const Json& measured);

}  // namespace tinsmith
