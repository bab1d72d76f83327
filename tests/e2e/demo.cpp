// ./run demo: three emulated devices on a simulated vibrating motor. Windows are recorded on device
// 1 only; one `regenerate` request makes a model of them, proves it and rolls it out; then every
// device must recognise all four conditions.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include "firmware/wire/messages.hpp"
#include "tests/e2e/house.hpp"

namespace {

using tinsmith::Json;
using tinsmith::e2e::Client;
using tinsmith::e2e::House;

constexpr const char* kConditions[] = {"normal", "imbalance", "misalignment", "bearing_fault"};
constexpr const char* kDevices[] = {"dev-1", "dev-2", "dev-3"};
constexpr int kWindow = 256;  // samples, one second of the simulated sensor
constexpr double kRateHz = 256;
constexpr double kSpeed = 8;        // the simulated motor runs faster than real time
constexpr int kRecordSeconds = 64;  // of sensor time, a condition
constexpr int kResultsEach = 13;    // judged results a condition and device: 52 a device
constexpr int kResultsSkipped = 2;  // windows that may still hold the condition before
constexpr double kEnough = 0.9;

volatile sig_atomic_t interrupted = 0;

[[noreturn]] void giveUp(const std::string& why) {
    throw std::runtime_error(why);
}

void checkInterrupt() {
    if (interrupted) giveUp("interrupted");
}

// waitFor in slices, so that Ctrl-C is noticed.
bool waitFor(Client& client, const std::function<bool()>& done, int ms) {
    for (int waited = 0; waited < ms; waited += 200) {
        checkInterrupt();
        if (client.waitFor(done, 200)) return true;
    }
    return false;
}

void title(const std::string& text) {
    std::printf("\n== %s\n", text.c_str());
    std::fflush(stdout);
}

std::string settingsFromEnvironment() {
    const char* url = std::getenv("TINSMITH_LLM_URL");
    const char* model = std::getenv("TINSMITH_LLM_MODEL");
    if (url == nullptr || model == nullptr) return "";
    std::string toml = "[[llm]]\nurl = \"" + std::string(url) + "\"\nmodel = \"" + model + "\"\n";
    if (const char* kind = std::getenv("TINSMITH_LLM_KIND")) {
        toml += "kind = \"" + std::string(kind) + "\"\n";
    }
    if (std::getenv("TINSMITH_LLM_KEY") != nullptr) toml += "key_variable = \"TINSMITH_LLM_KEY\"\n";
    return toml;
}

// Prints the story of a job as it happens.
class Watcher {
  public:
    explicit Watcher(const House& house) : root_(house.root()) {}

    void handle(const std::string& topic, const std::string& payload) {
        if (!topic.starts_with(root_ + "/job/")) return;
        const Json json = Json::parse(payload, nullptr, false);
        if (!json.is_object()) return;
        if (topic.ends_with("/log"))
            line(json);
        else
            states[topic.substr(root_.size() + 5)] = json;
    }

    std::map<std::string, Json> states;
    std::map<std::string, double> stepSeconds;  // of the job whose story is printed
    std::string story;

  private:
    void line(const Json& event) {
        if (event.value("job", "") != story) return;
        const std::string kind = event.value("kind", "");
        const Json facts = event.value("facts", Json::object());
        if (kind == "done") {
            stepSeconds[event.value("text", "")] += facts.value("ms", 0.0) / 1000;
            return;
        }
        if (kind == "attempt" && facts.contains("accuracy")) {
            std::printf("   attempt      %-44s validation %.3f\n", event.value("text", "").c_str(),
                        facts.value("accuracy", 0.0));
        } else if (kind == "progress") {
            const std::string text = event.value("text", "");
            if (!facts.contains("epoch")) std::printf("   %-12s %s\n", "", text.c_str());
        } else {
            std::printf("   %-12s %s\n", kind.c_str(), event.value("text", "").c_str());
        }
        std::fflush(stdout);
    }
    std::string root_;
};

Json finish(Client& client, Watcher& watcher, const std::string& job, int ms) {
    const auto ended = [&] {
        const Json& json = watcher.states[job];
        const std::string state = json.is_object() ? json.value("state", "") : "";
        return state == "succeeded" || state == "failed" || state == "cancelled";
    };
    if (!waitFor(client, ended, ms)) giveUp("job " + job + " did not end in time");
    // Retained states overtake the last lines of the story.
    waitFor(client, [] { return false; }, 400);
    const Json state = watcher.states[job];
    if (state.value("state", "") != "succeeded") giveUp("job " + job + " ended as " + state.dump());
    return state;
}

std::string accepted(const Json& reply) {
    if (!reply.is_object() || reply.value("status", "") != "accepted") {
        giveUp("the request was not accepted: " + reply.dump());
    }
    return reply.value("job", "");
}

void record(House& house, Client& client, Watcher& watcher) {
    title("record labelled windows from dev-1 (simulated motor)");
    for (const char* condition : kConditions) {
        checkInterrupt();
        house.setSensor("dev-1", std::string("motor:") + condition);
        const Json request = {{"action", "record"},
                              {"dataset", "motor"},
                              {"device", "dev-1"},
                              {"label", condition},
                              {"seconds", kRecordSeconds},
                              {"window", {{"length", kWindow}}},
                              {"channels", {"x", "y", "z"}},
                              {"rate_hz", kRateHz},
                              {"units", "g"}};
        const std::string job = accepted(client.request("dataset", request));
        finish(client, watcher, job, 120000);
        std::printf("   %-14s %d s of sensor time recorded\n", condition, kRecordSeconds);
        std::fflush(stdout);
    }
}

// The request goes out as any user would send it.
std::string publishRegenerate(House& house, Client& client) {
    const Json request = {
        {"id", "demo-1"},
        {"model", "motor"},
        {"dataset", "motor"},
        {"task",
         "Tell from vibration whether the motor runs normally or has an imbalance, a "
         "misalignment or a bearing fault"},
        {"target", {{"accuracy", 0.95}}},
        {"budget", {{"minutes", 1}}},
        {"rollout", {{"group", "motors"}, {"canary", 1}, {"deadline_s", 60}}}};
    const std::string topic = house.root() + "/request/ann/regenerate";
    title("mosquitto_pub -t " + topic);
    std::printf("   %s\n", request.dump().c_str());
    const int status = tinsmith::e2e::runToEnd(
        {"mosquitto_pub", "-h", "127.0.0.1", "-p", std::to_string(house.port()), "-u", "ann", "-P",
         house.password("ann"), "-q", "1", "-t", topic, "-m", request.dump()},
        house.folder() / "mosquitto_pub.log");
    if (status != 0) giveUp("mosquitto_pub failed: " + house.log("mosquitto_pub"));
    const std::string response = house.root() + "/response/ann/regenerate";
    if (!waitFor(client, [&] { return client.last.contains(response); }, 20000)) {
        giveUp("no reply came");
    }
    return accepted(Json::parse(client.last[response], nullptr, false));
}

struct Score {
    int right = 0;
    int total = 0;
};

// Runs every device through all four conditions and compares what it publishes with what its motor
// does.
std::map<std::string, Score> judge(House& house, Client& client) {
    title("every device through all four conditions (simulated)");
    std::map<std::string, Score> scores;
    for (const char* condition : kConditions) {
        std::map<std::string, int> seen;
        std::map<std::string, Score> here;
        for (const char* device : kDevices) {
            house.setSensor(device, std::string("motor:") + condition);
        }
        client.onMessage = [&](const std::string& topic, const std::string& payload) {
            if (!topic.ends_with("/result")) return;
            const std::string prefix = house.root() + "/device/";
            const std::string device =
                topic.substr(prefix.size(), topic.size() - prefix.size() - 7);
            tinsmith::wire::Result result;
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
            if (!tinsmith::wire::decode({bytes, payload.size()}, result)) return;
            if (++seen[device] <= kResultsSkipped || here[device].total >= kResultsEach) return;
            ++here[device].total;
            here[device].right += result.label.view() == condition ? 1 : 0;
        };
        const auto enough = [&] {
            return std::all_of(std::begin(kDevices), std::end(kDevices), [&](const char* device) {
                return here[device].total >= kResultsEach;
            });
        };
        if (!waitFor(client, enough, 60000)) giveUp("the devices published too few results");
        std::printf("   %-14s", condition);
        for (const char* device : kDevices) {
            std::printf("  %s %2d/%d", device, here[device].right, here[device].total);
            scores[device].right += here[device].right;
            scores[device].total += here[device].total;
        }
        std::printf("\n");
        std::fflush(stdout);
    }
    client.onMessage = nullptr;
    return scores;
}

void printAchieved(const Json& result, const Watcher& watcher) {
    const Json measured = result.value("measured", Json::object());
    const Json accuracy = result.value("accuracy", Json::object());
    title("achieved");
    std::printf("   accuracy on test windows      %.3f\n", accuracy.value("test", 0.0));
    std::printf("   flash (code, weights, data)   %.1f KB\n",
                measured.value("flash_bytes", 0.0) / 1000);
    std::printf("   RAM (.data, .bss, stack)      %.1f KB\n",
                measured.value("ram_bytes", 0.0) / 1000);
    std::printf("   instructions an inference     %.0f\n",
                measured.value("instructions", Json::object()).value("total", 0.0));
    std::printf("   signed image                  %.1f KB\n",
                measured.value("image_bytes", 0.0) / 1000);
    std::printf("   seconds a step               ");
    for (const auto& [step, seconds] : watcher.stepSeconds)
        std::printf(" %s %.1f", step.c_str(), seconds);
    std::printf("\n");
}

int run(int seed) {
    const auto started = std::chrono::steady_clock::now();
    title("a broker, the daemon and three emulated devices (seed " + std::to_string(seed) + ")");
    House::Options options;
    options.extraSettings = settingsFromEnvironment();
    House house(options);
    const auto connection = house.client();
    Client& client = *connection;
    for (int i = 0; i < 3; ++i) {
        checkInterrupt();
        tinsmith::e2e::DeviceOptions device;
        device.id = kDevices[i];
        device.sensor = "motor:normal";
        device.seed = seed * 100 + i + 1;
        device.speed = kSpeed;
        device.rateHz = kRateHz;
        device.groups = {"motors"};
        house.addDevice(device, client);
        std::printf("   %s runs its factory firmware\n", kDevices[i]);
        std::fflush(stdout);
    }
    Watcher watcher(house);
    client.onMessage = [&](const std::string& topic, const std::string& payload) {
        watcher.handle(topic, payload);
    };
    client.subscribe(house.root() + "/job/#");
    client.subscribe(house.root() + "/device/+/result");
    record(house, client, watcher);
    const std::string job = publishRegenerate(house, client);
    watcher.story = job;
    const Json state = finish(client, watcher, job, 220000);
    const auto scores = judge(house, client);
    printAchieved(state.value("result", Json::object()), watcher);
    bool good = true;
    for (const auto& [device, score] : scores) {
        const double share = static_cast<double>(score.right) / std::max(1, score.total);
        std::printf("   %s: %d of %d published results right (%.1f %%)\n", device.c_str(),
                    score.right, score.total, 100 * share);
        good = good && share >= kEnough;
    }
    std::printf("   whole demo: %.0f s\n",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
    if (!good) giveUp("a device got less than 90 % right");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    int seed = 1;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = std::atoi(argv[++i]);
        } else {
            std::fprintf(stderr, "usage: ./run demo [--seed N]\n");
            return 2;
        }
    }
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    try {
        return run(seed);
    } catch (const std::exception& e) {
        std::fflush(stdout);
        std::fprintf(stderr, "\nthe demo failed: %s\n", e.what());
        return interrupted ? 130 : 1;
    }
}
