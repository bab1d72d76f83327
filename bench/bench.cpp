#include "bench/bench.hpp"

#include <signal.h>

#include <cstdio>
#include <stdexcept>
#include <thread>

namespace tinsmith::bench {

namespace {

volatile sig_atomic_t caught = 0;

void checkInterrupt() {
    if (caught) throw std::runtime_error("interrupted");
}

}  // namespace

void report(const std::string& name, double value, int decimals, const std::string& unit) {
    std::printf("%-44s %10.*f%s%s\n", name.c_str(), decimals, value, unit.empty() ? "" : " ",
                unit.c_str());
    std::fflush(stdout);
}

double secondsSince(Steady::time_point start) {
    return std::chrono::duration<double>(Steady::now() - start).count();
}

void catchInterrupts() {
    struct sigaction action{};
    action.sa_handler = [](int) { caught = 1; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() {
    return caught != 0;
}

void pause(double seconds) {
    const auto start = Steady::now();
    while (secondsSince(start) < seconds) {
        checkInterrupt();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

void await(e2e::Client& client, const std::function<bool()>& done, double seconds,
           const std::string& what) {
    const auto start = Steady::now();
    while (!client.waitFor(done, 200)) {
        checkInterrupt();
        if (secondsSince(start) > seconds) throw std::runtime_error(what);
    }
}

std::string start(e2e::Client& client, const std::string& verb, const Json& payload) {
    const Json reply = client.request(verb, payload);
    if (!reply.is_object() || reply.value("status", "") != "accepted") {
        throw std::runtime_error(verb + " was not accepted: " + reply.dump());
    }
    return reply.value("job", "");
}

Json finish(e2e::Client& client, const std::string& job, double seconds) {
    const std::string topic = client.root() + "/job/" + job;
    client.subscribe(topic);
    Json last;
    const auto ended = [&] {
        const auto it = client.last.find(topic);
        if (it == client.last.end()) return false;
        last = Json::parse(it->second, nullptr, false);
        const std::string state = last.is_object() ? last.value("state", "") : "";
        return state == "succeeded" || state == "failed" || state == "cancelled";
    };
    await(client, ended, seconds, "job " + job + " did not end in time");
    return last;
}

Json succeed(e2e::Client& client, const std::string& verb, const Json& payload, double seconds) {
    const Json state = finish(client, start(client, verb, payload), seconds);
    if (state.value("state", "") != "succeeded") {
        throw std::runtime_error(verb + " ended as " + state.dump());
    }
    return state;
}

Steps::Steps(e2e::Client& client) : client_(client) {
    client_.onMessage = [this](const std::string& topic, const std::string& payload) {
        if (!topic.ends_with("/log")) return;
        Json event = Json::parse(payload, nullptr, false);
        if (event.is_object() && event.value("kind", "") == "done")
            done_.push_back(std::move(event));
    };
    client_.subscribe(client_.root() + "/job/+/log");
}

Steps::~Steps() {
    client_.onMessage = nullptr;
}

std::vector<std::pair<std::string, double>> Steps::of(const std::string& job) const {
    std::vector<std::pair<std::string, double>> steps;
    for (const Json& event : done_) {
        if (event.value("job", "") != job) continue;
        const double ms = event.value("facts", Json::object()).value("ms", 0.0);
        steps.emplace_back(event.value("text", ""), ms / 1000);
    }
    return steps;
}

}  // namespace tinsmith::bench
