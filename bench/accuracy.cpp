// What the built-in planner reaches on the recordings beside the repository, over seeds: mean and
// worst test accuracy of the int8 model against what is aimed at. A job that misses its target
// still says what it reached.
#include <algorithm>
#include <charconv>
#include <numeric>
#include <stdexcept>

#include "bench/bench.hpp"

namespace tinsmith::bench {

namespace {

// A job of any recording ends in ten minutes.
constexpr double kMostSeconds = 600;

struct Recording {
    std::string name;
    std::string folder;
    Json import;  // what the request says besides name and path
    double aim;
    double minutes;
};

struct Wanted {
    int seeds = 3;
    std::string only;  // empty = all
};

std::vector<Recording> everything() {
    const Json csv = {{"format", "csv"}};
    const auto cut = [&](int length, int stride, double rate) {
        Json import = csv;
        import["window"] = {{"length", length}, {"stride", stride}};
        import["rate_hz"] = rate;
        return import;
    };
    Json dark = csv;
    dark["channels"] = {"Temperature", "Humidity", "CO2", "HumidityRatio"};
    return {
        {"digits", "digits", {{"format", "wav"}}, 0.975, 4},
        {"motion", "motion", cut(160, 80, 20), 0.92, 4},
        {"vibration", "vibration", cut(100, 50, 50), 0.83, 2},
        {"image", "image", {{"format", "idx"}}, 0.89, 9},
        {"handsign", "handsign", {{"format", "png"}}, 0.97, 4},
        {"wand", "wand", csv, 0.985, 4},
        {"environment", "environment", csv, 0.97, 1},
        {"environment-without-light", "environment", dark, 0.90, 3},
        {"gas", "gas", cut(100, 50, 1), 0.95, 2},
        {"fruit", "fruit", csv, 0.97, 0.5},
    };
}

std::string names() {
    std::string text;
    for (const Recording& each : everything()) text += (text.empty() ? "" : ", ") + each.name;
    return text;
}

Wanted parse(const Options& options) {
    Wanted wanted;
    for (std::size_t i = 0; i < options.size(); i += 2) {
        const bool hasValue = i + 1 < options.size();
        const std::string value = hasValue ? options[i + 1] : "";
        if (options[i] == "--only" && hasValue) {
            wanted.only = value;
        } else if (options[i] == "--seeds" && hasValue) {
            const auto [end, error] =
                std::from_chars(value.data(), value.data() + value.size(), wanted.seeds);
            if (error != std::errc() || end != value.data() + value.size() || wanted.seeds < 1) {
                throw std::runtime_error("--seeds wants a number of 1 or more");
            }
        } else {
            throw std::runtime_error("accuracy knows --seeds N and --only NAME, of " + names());
        }
    }
    return wanted;
}

std::vector<Recording> chosen(const Wanted& wanted) {
    std::vector<Recording> all = everything();
    if (!wanted.only.empty()) {
        std::erase_if(all,
                      [&](const Recording& recording) { return recording.name != wanted.only; });
        if (all.empty()) throw std::runtime_error("there is only " + names());
    }
    return all;
}

double testAccuracy(e2e::Client& client, const Recording& recording, int seed) {
    const Json request = {{"model", recording.name},
                          {"dataset", recording.name},
                          {"task", "Classify the recordings of " + recording.folder},
                          {"budget", {{"minutes", recording.minutes}}},
                          {"seed", seed}};
    const Json state = finish(client, start(client, "regenerate", request), 900);
    const Json result = state.value("result", Json::object());
    const Json accuracy = result.is_object() ? result.value("accuracy", Json()) : Json();
    if (!accuracy.is_object() || !accuracy.contains("test")) {
        throw std::runtime_error("the job has no accuracy: " + state.dump());
    }
    return accuracy["test"].get<double>();
}

}  // namespace

void accuracy(const Options& options) {
    const Wanted wanted = parse(options);
    const std::vector<Recording> recordings = chosen(wanted);
    if (e2e::sharedFolder().empty()) {
        throw std::runtime_error(
            "no recordings: set TINSMITH_SHARED to the folder that holds data/");
    }
    e2e::House::Options where;
    where.dataDir = e2e::sharedFolder() / "data";
    e2e::House house(where);
    const auto client = house.client();
    std::string below;
    std::string slow;
    for (const Recording& recording : recordings) {
        Json import = recording.import;
        import.update(
            {{"action", "import"}, {"dataset", recording.name}, {"path", recording.folder}});
        succeed(*client, "dataset", import, 120);
        std::vector<double> reached;
        for (int seed = 1; seed <= wanted.seeds; ++seed) {
            const auto start = Steady::now();
            reached.push_back(testAccuracy(*client, recording, seed));
            const std::string line = recording.name + ", seed " + std::to_string(seed);
            report(line, reached.back(), 3, "");
            report(line + ", time", secondsSince(start), 0, "s");
            if (secondsSince(start) > kMostSeconds) slow += " " + line + ";";
        }
        const double mean = std::accumulate(reached.begin(), reached.end(), 0.0) /
                            static_cast<double>(reached.size());
        report(recording.name + ", aim", recording.aim, 3, "");
        report(recording.name + ", mean of " + std::to_string(wanted.seeds), mean, 3, "");
        report(recording.name + ", worst of " + std::to_string(wanted.seeds),
               *std::ranges::min_element(reached), 3, "");
        if (mean < recording.aim) below += " " + recording.name;
    }
    if (!slow.empty()) throw std::runtime_error("more than ten minutes:" + slow);
    if (!below.empty()) throw std::runtime_error("below the aim:" + below);
}

}  // namespace tinsmith::bench
