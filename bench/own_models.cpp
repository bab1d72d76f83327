#include <cmath>
#include <fstream>
#include <random>
#include <stdexcept>

#include "bench/bench.hpp"
#include "tests/handlers/quantize/stages.hpp"

namespace tinsmith::bench {

namespace {

constexpr int kWords = 12, kSpeakers = 6, kFrames = 49, kBands = 10;

// Spectra of one second: energy that moves through the bands in a way of its own for each word.
void writeWords(const std::filesystem::path& data) {
    const std::filesystem::path folder = data / "words";
    std::filesystem::create_directories(folder);
    std::ofstream list(folder / "split.csv");
    list << "file,label,group,n_samples,split\n";
    std::mt19937 random(1);
    for (int word = 0; word < kWords; ++word) {
        for (int speaker = 0; speaker < kSpeakers; ++speaker) {
            const std::string name =
                "word" + std::to_string(word) + "_" + std::to_string(speaker) + ".csv";
            std::ofstream out(folder / name);
            for (int band = 0; band < kBands; ++band) out << (band > 0 ? ",b" : "b") << band;
            out << "\n";
            for (int frame = 0; frame < kFrames; ++frame) {
                const double centre = 4.5 + 4 * std::sin(0.05 * (word + 2) * frame + word);
                for (int band = 0; band < kBands; ++band) {
                    const double noise = static_cast<double>(random()) / 4294967295.0 - 0.5;
                    const double distance = band - centre;
                    out << (band > 0 ? "," : "") << std::exp(-distance * distance) + 0.2 * noise;
                }
                out << "\n";
            }
            list << name << ",word" << word << ",speaker" << speaker << "," << kFrames << ","
                 << (speaker + 1 < kSpeakers ? "train" : "test") << "\n";
        }
    }
    if (!list.flush()) throw std::runtime_error("cannot write the list of recordings");
}

constexpr const char* kVibrationPlan = R"({"version":1,
    "features":[{"block":"raw","magnitude":true}],
    "network":[{"layer":"conv1d","filters":16,"kernel":5,"batch_norm":true},
               {"layer":"max_pool","size":2},
               {"layer":"conv1d","filters":16,"kernel":5,"batch_norm":true},
               {"layer":"average_pool","size":2},
               {"layer":"conv1d","filters":24,"kernel":3,"batch_norm":true},
               {"layer":"global_average_pool"}],
    "training":{"epochs":5}})";

constexpr const char* kWordsPlan = R"({"version":1,
    "features":[{"block":"raw"}],
    "network":[{"layer":"image","channels":1},
               {"layer":"conv2d","filters":32,"kernel":[10,4],"stride":[2,2],"batch_norm":true},
               {"layer":"depthwise_conv2d","kernel":[3,3],"batch_norm":true},
               {"layer":"conv2d","filters":32,"kernel":[1,1],"batch_norm":true},
               {"layer":"depthwise_conv2d","kernel":[3,3],"batch_norm":true},
               {"layer":"conv2d","filters":32,"kernel":[1,1],"batch_norm":true},
               {"layer":"global_average_pool"}],
    "training":{"epochs":5}})";

NamedModel make(const std::string& name, const std::filesystem::path& folder, const Json& import,
                const char* planText) {
    const test::Stages stages(folder / name, TINSMITH_BUILD_DIR "/bin/tinsmith-train");
    std::filesystem::create_directories(stages.folder());
    const Json dataset = stages.import(folder, import)["dataset"];
    const Json plan = Json::parse(planText);
    stages.train({{"dataset", dataset}, {"plan", plan}, {"seed", 1}});
    const Json made = stages.quantize({{"dataset", dataset},
                                       {"plan", plan},
                                       {"network", "network"},
                                       {"reference", "network"},
                                       {"evaluate", Json::array({"validation"})}});
    return {name, stages.folder() / made["tflite"].get<std::string>()};
}

}  // namespace

std::vector<NamedModel> makeOwnModels(const std::filesystem::path& folder) {
    writeWaves(folder);
    writeWords(folder);
    const Json words = {{"action", "import"},
                        {"dataset", "words"},
                        {"path", "words"},
                        {"format", "csv"},
                        {"window", {{"length", kFrames}}},
                        {"rate_hz", 50}};
    return {make("own_vibration", folder, wavesImport(), kVibrationPlan),
            make("own_keywords", folder, words, kWordsPlan)};
}

}  // namespace tinsmith::bench
