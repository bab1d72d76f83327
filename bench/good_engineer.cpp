// An engineer that reads the prompt and goes by rules of thumb: a plan for the kind of data that
// the card shows, then one change after the other, smaller where a plan did not fit.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <regex>
#include <sstream>

#include "bench/engineers.hpp"

namespace tinsmith::bench {

namespace {

enum class Kind { values, slow, waves, sound, picture };

// What the prompt says.
struct Seen {
    int length = 1;
    int channels = 1;
    double rate = 0;
    int rows = 0;
    int columns = 0;
    int trainWindows = 1000;
    int turn = 0;     // plans of its own that are listed
    int refused = 0;  // of them, before training or by the board
    bool looked = false;
    bool worn = false;  // the task is about something on a person's body
    Json best;          // the leading plan; null where there is none
};

double numberAfter(const std::string& text, const std::string& pattern, double otherwise,
                   std::size_t group = 1) {
    std::smatch match;
    return std::regex_search(text, match, std::regex(pattern)) ? std::stod(match[group])
                                                               : otherwise;
}

Seen read(const std::string& prompt) {
    Seen seen;
    const std::string window = R"(One window is \[(\d+) samples, (\d+) channels\])";
    seen.length = static_cast<int>(numberAfter(prompt, window, 1, 1));
    seen.channels = static_cast<int>(numberAfter(prompt, window, 1, 2));
    seen.rate = numberAfter(prompt, R"("rate_hz":([0-9.]+))", 0);
    const std::string picture = R"re("picture":\{"columns":(\d+),"rows":(\d+)\})re";
    seen.columns = static_cast<int>(numberAfter(prompt, picture, 0, 1));
    seen.rows = static_cast<int>(numberAfter(prompt, picture, 0, 2));
    const std::size_t windows = prompt.find("\"windows\":{");
    if (windows != std::string::npos) {
        seen.trainWindows = static_cast<int>(
            numberAfter(prompt.substr(windows, 3000), R"re("total":(\d+))re", 1000));
    }
    const std::size_t task = prompt.find("\n<task>\n");
    const std::size_t taskEnd = prompt.find("\n</task>", task);
    if (task != std::string::npos && taskEnd != std::string::npos) {
        seen.worn = std::regex_search(prompt.substr(task, taskEnd - task),
                                      std::regex(R"(\b(wrist|wearer|wears|worn on|the body)\b)"));
    }
    seen.looked = prompt.find("{\"look\":\"groups\"}\n<data>") != std::string::npos;
    const std::size_t list = prompt.rfind("Attempts so far");
    std::istringstream lines(list == std::string::npos ? "" : prompt.substr(list));
    bool mine = false;
    for (std::string line; std::getline(lines, line);) {
        std::smatch head;
        if (std::regex_search(line, head, std::regex(R"(^\d+\. ([^:]+):)"))) {
            mine = head[1] != "search";
            seen.turn += mine ? 1 : 0;
        }
        if (mine && (line.find("not trained:") != std::string::npos ||
                     line.find("REFUSED") != std::string::npos))
            ++seen.refused;
        if (seen.best.is_null() && line.starts_with("   plan: "))
            seen.best = Json::parse(line.substr(9), nullptr, false);
    }
    return seen;
}

Kind kindOf(const Seen& seen) {
    if (seen.rows > 0) return Kind::picture;
    if (seen.length < 16) return Kind::values;
    if (seen.rate >= 4000 && seen.channels <= 2) return Kind::sound;
    if (seen.rate > 0 && seen.rate <= 5) return Kind::slow;
    return Kind::waves;
}

Json layer(const char* name) {
    return {{"layer", name}};
}
Json pool(int size) {
    return {{"layer", "max_pool"}, {"size", size}};
}
Json dense(int units) {
    return {{"layer", "dense"}, {"units", units}, {"relu", true}};
}
Json conv1d(int filters, int kernel) {
    return {{"layer", "conv1d"}, {"filters", filters}, {"kernel", kernel}, {"batch_norm", true}};
}
Json dropout(double rate) {
    return {{"layer", "dropout"}, {"rate", rate}};
}
int scaled(int count, double wider) {
    return std::max(2, static_cast<int>(count * wider));
}
Json conv2d(int filters) {
    return {{"layer", "conv2d"}, {"filters", filters}, {"kernel", {3, 3}}, {"batch_norm", true}};
}

// Convolutions of 3 x 3 with a pool after each but the last.
Json pyramid(std::initializer_list<int> filters, double wider) {
    Json network = Json::array({{{"layer", "image"}, {"channels", 1}}});
    for (const int each : filters) {
        if (network.size() > 1) network.push_back(pool(2));
        network.push_back(conv2d(scaled(each, wider)));
    }
    return network;
}

Json training(const Seen& seen, int epochs, double rate, const Json& augment) {
    const int batch = seen.trainWindows < 400 ? 16 : seen.trainWindows < 2000 ? 32 : 64;
    Json json = {{"epochs", epochs},
                 {"batch_size", batch},
                 {"learning_rate", rate},
                 {"weight_decay", 0.0005},
                 {"balance", "weights"}};
    json["patience"] = epochs;
    if (!augment.empty()) json["augment"] = augment;
    return json;
}

int epochsFor(const Seen& seen, int windows, int least, int most) {
    return std::clamp(windows / std::max(1, seen.trainWindows), least, most);
}

Json planForValues(const Seen& seen, double wider) {
    return {{"features", Json::array({{{"block", "raw"}}})},
            {"network", Json::array({layer("flatten"), dense(scaled(16, wider))})},
            {"training", training(seen, 40, 0.01, Json::object())}};
}

// Levels count, and they drift.
Json planForSlow(const Seen& seen, double wider) {
    const auto filters = [&](int count) { return scaled(count, wider); };
    const Json augment = {{"noise", 0.1}, {"shift", seen.length / 2}};
    return {{"features", Json::array({{{"block", "raw"}}})},
            {"network",
             Json::array({conv1d(filters(16), 5), pool(2), conv1d(filters(32), 5), pool(2),
                          conv1d(filters(32), 3), layer("global_average_pool"), dropout(0.3)})},
            {"training", training(seen, epochsFor(seen, 90000, 20, 80), 0.01, augment)}};
}

Json planForWaves(const Seen& seen, double wider) {
    const auto filters = [&](int count) { return scaled(count, wider); };
    const bool axes = seen.channels == 3;
    // A watch sits askew on every wrist; a machine keeps its place, and its speed varies.
    Json augment = {{"time_warp", seen.worn || seen.rate <= 0 ? 0.1 : 0.2}};
    if (axes && seen.worn) augment["rotate"] = 15;
    // A stroke or a gesture begins where it begins.
    if (seen.rate > 0) augment["shift"] = seen.length / 2;
    Json first = conv1d(filters(16), 5);
    if (seen.length >= 128) first["stride"] = 2;
    Json network =
        Json::array({first, pool(2), conv1d(filters(32), 5), pool(2), conv1d(filters(48), 3)});
    if (seen.length >= 64) network.push_back(pool(2));
    network.push_back(conv1d(filters(48), 3));
    network.push_back(layer("global_average_pool"));
    network.push_back(dropout(0.3));
    return {{"features", Json::array({{{"block", "raw"}, {"magnitude", axes}}})},
            {"network", network},
            {"training", training(seen, epochsFor(seen, 90000, 20, 80), 0.01, augment)}};
}

int powerOfTwoNear(double value) {
    return 1 << std::clamp(static_cast<int>(std::lround(std::log2(value))), 6, 10);
}

Json planForSound(const Seen& seen, double wider) {
    const int fft = powerOfTwoNear(0.032 * seen.rate);
    const int hop = std::max(fft / 2, (seen.length - fft) / 63);
    Json network = pyramid({16, 24, 32, 48}, wider);
    network.push_back(layer("global_average_pool"));
    const Json augment = {{"shift", seen.length / 16}, {"pitch", 0.1}, {"time_warp", 0.1}};
    return {
        {"features",
         Json::array(
             {{{"block", "mel"}, {"fft", fft}, {"hop", hop}, {"bands", 32}, {"level", "max"}}})},
        {"network", network},
        {"training", training(seen, epochsFor(seen, 45000, 5, 60), 0.004, augment)}};
}

Json planForPicture(const Seen& seen, double wider) {
    const double shrink = std::min(1.0, 32.0 / std::max(seen.rows, seen.columns));
    // What was cut out and centred keeps its place; in a photograph it lies anywhere.
    const bool photograph = seen.channels == 3 || shrink < 1;
    Json network = photograph ? pyramid({16, 24, 48, 64}, wider) : pyramid({16, 32, 48}, wider);
    network.push_back(layer(photograph ? "global_average_pool" : "flatten"));
    network.push_back(dropout(photograph ? 0.2 : 0.6));
    Json augment = Json::object();
    if (photograph) augment = {{"shift_pixels", 2}, {"zoom", 0.15}, {"erase", 0.2}};
    Json recipe =
        training(seen, epochsFor(seen, photograph ? 60000 : 120000, 6, 60), 0.004, augment);
    if (!photograph) recipe["weight_decay"] = 0.005;
    return {{"features", Json::array({{{"block", "image"},
                                       {"rows", std::lround(seen.rows * shrink)},
                                       {"columns", std::lround(seen.columns * shrink)},
                                       {"grey", true},
                                       {"normalise", "window"}}})},
            {"network", network},
            {"training", recipe}};
}

Json planFor(const Seen& seen, double wider) {
    switch (kindOf(seen)) {
        case Kind::values:
            return planForValues(seen, wider);
        case Kind::slow:
            return planForSlow(seen, wider);
        case Kind::sound:
            return planForSound(seen, wider);
        case Kind::picture:
            return planForPicture(seen, wider);
        case Kind::waves:
            break;
    }
    return planForWaves(seen, wider);
}

Json wholePlan(const Seen& seen, double wider, const std::string& reason) {
    Json plan = planFor(seen, wider);
    plan["version"] = 1;
    plan["reason"] = reason;
    return plan;
}

// A change of the best plan's training.
Json edit(const Seen& seen, double epochs, double rate, const std::string& reason) {
    const Json training = seen.best.value("training", Json::object());
    const int longer = std::clamp(static_cast<int>(training.value("epochs", 30) * epochs), 5, 300);
    Json changes = {{"/training/epochs", longer},
                    {"/training/learning_rate", training.value("learning_rate", 0.003) * rate}};
    if (training.contains("patience")) changes["/training/patience"] = longer;
    return {{"edit", changes}, {"of", "best"}, {"reason", reason}};
}

}  // namespace

std::string goodReply(const std::string& prompt) {
    const Seen seen = read(prompt);
    const bool mayLook = prompt.find("{\"look\":\"groups\"}") != std::string::npos &&
                         prompt.find("You may take") != std::string::npos;
    if (seen.turn == 0 && mayLook && !seen.looked)
        return R"({"look":"groups","reason":"Is one of the groups unlike the others?"})";
    // Each refusal makes the next plan smaller.
    const double smaller = std::pow(0.6, seen.refused);
    const bool canEdit = seen.best.is_object() && seen.best.contains("training");
    Json reply;
    if (seen.turn <= seen.refused) {
        reply = wholePlan(seen, smaller, "What usually works for this kind of data.");
    } else if (seen.turn - seen.refused == 1) {
        reply = wholePlan(seen, 1.5 * smaller, "A wider network of the same kind.");
    } else if (seen.turn - seen.refused == 2 && canEdit) {
        reply = edit(seen, 1.5, 0.5, "Smaller steps for longer.");
    } else if (seen.turn - seen.refused == 3 && canEdit) {
        reply = edit(seen, 2, 1, "The best so far, trained twice as long.");
    } else {
        reply = wholePlan(seen, (0.7 + 0.05 * seen.turn) * smaller,
                          "A smaller network: it may carry over better.");
    }
    return reply.dump();
}

}  // namespace tinsmith::bench
