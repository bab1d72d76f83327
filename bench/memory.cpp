// What the daemon costs while nobody asks for anything: resident memory, and how often the kernel
// lets it run.
#include <stdexcept>

#include "bench/bench.hpp"

namespace tinsmith::bench {

namespace {

using e2e::statusValue;

// Of all threads: a status file counts one.
long contextSwitches(const std::filesystem::path& process) {
    long sum = 0;
    for (const auto& thread : std::filesystem::directory_iterator(process / "task")) {
        const auto file = thread.path() / "status";
        sum += statusValue(file, "voluntary_ctxt_switches");
        sum += statusValue(file, "nonvoluntary_ctxt_switches");
    }
    return sum;
}

}  // namespace

void memory(const Options&) {
    e2e::House house;
    const std::filesystem::path process = "/proc/" + std::to_string(house.daemon().pid());
    {
        const auto client = house.client();
        const Json reply = client->request("health", Json::object());
        if (!reply.is_object()) throw std::runtime_error("health was not answered");
    }
    pause(2);  // what the request set going has ended
    const long before = contextSwitches(process);
    pause(10);
    const long after = contextSwitches(process);
    report("idle daemon, resident",
           static_cast<double>(statusValue(process / "status", "VmRSS")) * 1024 / 1e6, 1, "MB");
    report("idle daemon, of it private",
           static_cast<double>(statusValue(process / "status", "RssAnon")) * 1024 / 1e6, 1, "MB");
    report("idle daemon, context switches in 10 s", static_cast<double>(after - before), 0, "");
}

}  // namespace tinsmith::bench
