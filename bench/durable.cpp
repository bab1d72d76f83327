// How many long requests a second reach the journal. All are sent at once; a reply of `accepted`
// says that the request is on the disk (SQLite, WAL, synchronous FULL). The first of the jobs
// already run beside, as they would in earnest.
#include <set>
#include <stdexcept>

#include "bench/bench.hpp"

namespace tinsmith::bench {

void durable(const Options&) {
    constexpr std::size_t kRequests = 500;
    e2e::House::Options options;
    options.extraSettings = "[requests]\nper_minute = 100000\nqueued_jobs = 1000\n";
    e2e::House house(options);
    writeWaves(house.dataDir());
    const auto client = house.client();
    const std::string answer = client->root() + "/response/ann/dataset";
    std::set<std::string> accepted;
    std::string refused;
    client->onMessage = [&](const std::string& topic, const std::string& payload) {
        if (topic != answer) return;
        const Json reply = Json::parse(payload, nullptr, false);
        if (reply.is_object() && reply.value("status", "") == "accepted") {
            accepted.insert(reply.value("id", ""));
        } else {
            refused = payload;
        }
    };
    const auto start = Steady::now();
    for (std::size_t i = 0; i < kRequests; ++i) {
        Json request = wavesImport();
        request["id"] = "durable-" + std::to_string(i);
        client->publish(client->root() + "/request/ann/dataset", request.dump());
    }
    await(
        *client, [&] { return accepted.size() == kRequests || !refused.empty(); }, 60,
        "not all requests were answered");
    if (!refused.empty()) throw std::runtime_error("a request was refused: " + refused);
    report("requests made durable, 500 at once", kRequests / secondsSince(start), 0, "/s");
}

}  // namespace tinsmith::bench
