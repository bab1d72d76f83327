// One window through features and network, and the golden vectors inside an image.
#pragma once

#include <array>
#include <cstdint>

#include "firmware/app/model.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::app {

// Counts the board's clock ticks.
using TickSource = std::uint64_t (*)();

struct Inference {
    std::array<std::int8_t, wire::kMaxClasses> output{};
    std::uint32_t featureTicks = 0;
    std::uint32_t inferenceTicks = 0;
};

// True where the model fits this firmware: a valid pipeline, at most kMaxClasses classes, windows
// that the buffer holds.
[[nodiscard]] bool usable(const Model& model);

// `window` is length * channels floats. The network's input stays in model.input.
void infer(const Model& model, const float* window, TickSource ticks, Inference& out);

// How many golden vectors come out differently. Calls `alive` after each one, for the watchdog.
[[nodiscard]] std::uint16_t failedGoldens(const Model& model, TickSource ticks, void (*alive)());

// Index of the largest output, the first of equal ones.
[[nodiscard]] std::uint8_t winner(const Inference& inference, std::uint16_t classCount);

}  // namespace tinsmith::app
