// Milliseconds from instruction counts: an estimate with its spread. The emulator counts
// instructions, not cycles. On a Cortex-M4 most instructions take one cycle, loads up to two, taken
// branches two to four (Arm Cortex-M4 Technical Reference Manual, DDI 0439, table 3-1), and flash
// wait states stall what the flash accelerator does not have at hand. How much of each a model
// meets differs, so a board gives the cycles of an average instruction as measured: typical, and
// the lowest and highest of several models.
#pragma once

#include <cstdint>

#include "handlers/flow/json.hpp"

namespace tinsmith::plan {

struct CoreSpeed {
    double clockHz = 0;  // 0 = unknown: latencies are 0
    double low = 1;      // cycles an instruction
    double typical = 1;
    double high = 1;
};

Json toJson(const CoreSpeed& speed);
CoreSpeed coreSpeedFromJson(const Json& json);

struct Latency {
    double low = 0;  // milliseconds
    double typical = 0;
    double high = 0;  // what limits are held against
};

[[nodiscard]] Latency latencyOf(std::uint64_t instructions, const CoreSpeed& speed);

// Adds "latency_ms" (typical) and "latency_ms_range" ([low, high]) to an object.
void addLatency(Json& object, const Latency& latency);
// What addLatency added; all 0 where it did not.
[[nodiscard]] Latency latencyFromJson(const Json& object);

}  // namespace tinsmith::plan
