// What a plan costs on a board, computed before anything is trained.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "handlers/plan/latency.hpp"
#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

// One board's budget and speed. Bytes; the platform's share is what the firmware needs without any
// model.
struct BoardLimits {
    std::string name;
    CoreSpeed speed;
    std::uint64_t flashBytes = 0;  // limit for the whole signed image
    std::uint64_t ramBytes = 0;    // limit for .data + .bss + stack
    std::uint64_t platformFlash = 0;
    std::uint64_t platformRam = 0;
    double latencyMs = 0;  // limit for features and inference of one window, which the high end of
                           // the estimate must keep; 0 = none
    std::string kernels = "portable";  // whose int8 kernels the board has
    double featureCost = 1;            // instructions of features over those of a core with an FPU

    // What the platform leaves for a model.
    std::uint64_t flashLeft() const {
        return flashBytes > platformFlash ? flashBytes - platformFlash : 0;
    }
    std::uint64_t ramLeft() const { return ramBytes > platformRam ? ramBytes - platformRam : 0; }
};

// What the firmware keeps beside the network for each model; handlers/build and firmware/app follow
// these.
inline constexpr int kGoldenWindows = 4;               // self-test windows inside the image
inline constexpr std::size_t kMaxGoldenBytes = 32768;  // of those windows; one is always there
std::size_t goldenWindows(std::size_t windowValues);
inline constexpr int kWindowBuffers = 2;  // the ring that fills and the window that is worked on

struct LayerCost {
    std::string name;
    std::uint64_t instructions = 0;
    std::uint64_t parameters = 0;
};

// The model's share.
struct Cost {
    std::uint64_t parameters = 0;
    std::uint64_t macs = 0;
    std::uint64_t flashBytes = 0;
    std::uint64_t ramBytes = 0;
    std::uint64_t instructions = 0;         // features and inference of one window
    std::uint64_t networkInstructions = 0;  // inference alone
    std::vector<LayerCost> layers;          // of those that compute; the implied dense layer last
    Latency latency;  // its high end with a reserve for what the estimate of instructions misses
};

struct Feasibility {
    bool fits = false;
    Cost cost;                     // the model's share
    std::uint64_t flashBytes = 0;  // platform and model
    std::uint64_t ramBytes = 0;    // platform and model
    std::string broken;    // "flash", "ram" or "latency": the limit missed by the largest factor;
                           // empty if it fits
    double excess = 0;     // how much over that limit, in bytes or milliseconds
    std::string sentence;  // the same in words; empty if it fits
};

// `plan` must be valid for `window`.
Feasibility check(const Plan& plan, const WindowShape& window, const BoardLimits& limits);

Json toJson(const Feasibility& feasibility);

// The formulas in words and numbers, for planners.
std::string costText(const BoardLimits& limits);

}  // namespace tinsmith::plan
