#include "handlers/plan/latency.hpp"

namespace tinsmith::plan {

Json toJson(const CoreSpeed& speed) {
    return {{"clock_hz", speed.clockHz},
            {"low", speed.low},
            {"typical", speed.typical},
            {"high", speed.high}};
}

CoreSpeed coreSpeedFromJson(const Json& json) {
    return {json.value("clock_hz", 0.0), json.value("low", 1.0), json.value("typical", 1.0),
            json.value("high", 1.0)};
}

Latency latencyOf(std::uint64_t instructions, const CoreSpeed& speed) {
    if (!(speed.clockHz > 0)) return {};
    const double ms = static_cast<double>(instructions) * 1e3 / speed.clockHz;
    return {ms * speed.low, ms * speed.typical, ms * speed.high};
}

void addLatency(Json& object, const Latency& latency) {
    object["latency_ms"] = latency.typical;
    object["latency_ms_range"] = {latency.low, latency.high};
}

Latency latencyFromJson(const Json& object) {
    const Json range = object.value("latency_ms_range", Json::array());
    if (range.size() != 2) return {};
    return {range[0].get<double>(), object.value("latency_ms", 0.0), range[1].get<double>()};
}

}  // namespace tinsmith::plan
