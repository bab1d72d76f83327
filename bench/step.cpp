// Where the time of a small regenerate job goes: the "done" events of its log, one a durable step.
#include "bench/bench.hpp"

namespace tinsmith::bench {

void step(const Options&) {
    e2e::House house;
    writeWaves(house.dataDir());
    const auto client = house.client();
    succeed(*client, "dataset", wavesImport(), 60);
    const Steps steps(*client);
    const auto start = Steady::now();
    const Json state = succeed(*client, "regenerate", wavesRegenerate(), 240);
    const double whole = secondsSince(start);
    for (const auto& [name, seconds] : steps.of(state.value("job", "")))
        report("regenerate, step " + name, seconds, 2, "s");
    report("regenerate, whole job", whole, 2, "s");
}

}  // namespace tinsmith::bench
