// The board's side of preflight_area.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "firmware/app/inference.hpp"
#include "firmware/app/preflight_area.hpp"
#include "firmware/wire/topics.hpp"

namespace tinsmith::app {

struct PreflightHooks {
    TickSource ticks;
    std::size_t (*stackHighWater)();
    void (*alive)();  // called once a window, for the watchdog
};

// True where a valid request lies at the start of `area`.
[[nodiscard]] bool preflightRequested(std::span<const std::uint8_t> area);

// Answers a valid request: runs every window, then writes totals and the state. `area` must be
// writable. `model` may be null (factory firmware): the answer is wrongShape.
void runPreflight(std::span<std::uint8_t> area, const Model* model,
                  const wire::Digest& runningDigest, const PreflightHooks& hooks);

}  // namespace tinsmith::app
