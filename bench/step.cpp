// Where the time of a small regenerate job goes: the "done" events of its log, one a durable step.
#include "bench/bench.hpp"

namespace tinsmith::bench {

void step(const Options&) {
    e2e::House house;
    writeWaves(house.dataDir());
    const auto client = house.client();
    succeed(*client, "dataset", wavesImport(), 60);
    std::vector<Json> done;
    client->onMessage = [&](const std::string& topic, const std::string& payload) {
        if (!topic.ends_with("/log")) return;
        Json event = Json::parse(payload, nullptr, false);
        if (event.is_object() && event.value("kind", "") == "done")
            done.push_back(std::move(event));
    };
    client->subscribe(client->root() + "/job/+/log");
    const auto start = Steady::now();
    const Json state = succeed(*client, "regenerate", wavesRegenerate(), 240);
    const double whole = secondsSince(start);
    client->onMessage = nullptr;
    for (const Json& event : done) {
        if (event.value("job", "") != state.value("job", "")) continue;
        const double ms = event.value("facts", Json::object()).value("ms", 0.0);
        report("regenerate, step " + event.value("text", ""), ms / 1000, 2, "s");
    }
    report("regenerate, whole job", whole, 2, "s");
}

}  // namespace tinsmith::bench
