// One window through features and network, and the golden vectors inside an image.
#pragma once

#include <array>
#include <cstdint>

#include "firmware/app/model.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::app {

// Counts the board's clock ticks.
using TickSource = std::uint64_t (*)();

inline constexpr std::size_t kMaxOutputs = 1024;

struct Inference {
    std::array<std::int8_t, kMaxOutputs> output{};
    std::uint32_t featureTicks = 0;
    std::uint32_t inferenceTicks = 0;
};

// The one that the firmware works with, too large for a small stack: what it holds is valid until
// the next inference.
[[nodiscard]] Inference& commonInference();

// True where the model fits this firmware: a valid pipeline, at most kMaxOutputs classes, windows
// that the application's buffer or the model's own holds.
[[nodiscard]] bool usable(const Model& model);

// `window` is length * channels floats. The network's input stays in model.input.
void infer(const Model& model, const float* window, TickSource ticks, Inference& out);
// The same for a window that was kept as input bytes, model.inputBytes of them.
void infer(const Model& model, const std::int8_t* window, TickSource ticks, Inference& out);

// How many golden vectors come out differently. Calls `alive` after each one, for the watchdog.
[[nodiscard]] std::uint16_t failedGoldens(const Model& model, TickSource ticks, void (*alive)());

// The class to publish, or -1 for none: what the model's decision rule says to this output, the
// largest one where there is no rule. Rules remember, so once a window and in their order. The
// rule's time is added to the inference's.
[[nodiscard]] int decide(const Model& model, TickSource ticks, Inference& inference);

// Index of the largest output, the first of equal ones.
[[nodiscard]] std::uint16_t winner(const Inference& inference, std::uint16_t classCount);

}  // namespace tinsmith::app
