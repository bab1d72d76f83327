// How long an asker waits for the reply to a short request: publish, broker, daemon, broker, reply.
#include <algorithm>
#include <stdexcept>

#include "bench/bench.hpp"

namespace tinsmith::bench {

void latency(const Options&) {
    constexpr std::size_t kRequests = 200;
    e2e::House house;
    const auto client = house.client();
    std::vector<double> ms;
    while (ms.size() < kRequests && !interrupted()) {
        const auto start = Steady::now();
        const Json reply = client->request("health", Json::object());
        if (!reply.is_object() || reply.value("status", "") != "ok") {
            throw std::runtime_error("health was answered by " + reply.dump());
        }
        ms.push_back(secondsSince(start) * 1000);
    }
    std::sort(ms.begin(), ms.end());
    report("reply latency of health, p50 of 200", ms[ms.size() / 2], 2, "ms");
    report("reply latency of health, p99 of 200", ms[ms.size() * 99 / 100], 2, "ms");
}

}  // namespace tinsmith::bench
