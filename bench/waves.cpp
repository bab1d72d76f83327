// A small dataset that needs no recordings: the benchmarks measure time, not what a model can
// learn.
#include <cmath>
#include <fstream>
#include <numbers>
#include <random>
#include <stdexcept>

#include "bench/bench.hpp"

namespace tinsmith::bench {

namespace {

constexpr int kSessions = 5;  // of each class; the last one is the test part
constexpr int kRows = 640;
constexpr double kRateHz = 64;

struct Wave {
    const char* label;
    double hz;
};

}  // namespace

void writeWaves(const std::filesystem::path& data) {
    const std::filesystem::path folder = data / "waves";
    std::filesystem::create_directories(folder);
    std::ofstream list(folder / "split.csv");
    list << "file,label,group,n_samples,split\n";
    std::mt19937 random(1);
    for (const Wave wave : {Wave{"slow", 2}, Wave{"middle", 7}, Wave{"fast", 17}}) {
        for (int session = 0; session < kSessions; ++session) {
            const std::string file = std::string(wave.label) + std::to_string(session) + ".csv";
            std::ofstream out(folder / file);
            out << "x,y,z\n";
            for (int row = 0; row < kRows; ++row) {
                const double angle = 2 * std::numbers::pi * wave.hz * row / kRateHz + session;
                // Uniform noise by hand: the standard's distributions differ between libraries.
                for (int axis = 0; axis < 3; ++axis) {
                    const double noise = static_cast<double>(random()) / 4294967295.0 - 0.5;
                    out << (axis > 0 ? "," : "") << std::sin(angle + axis) + 0.2 * noise;
                }
                out << "\n";
            }
            if (!out.flush()) throw std::runtime_error("cannot write " + (folder / file).string());
            list << file << "," << wave.label << ",session" << session << "," << kRows << ","
                 << (session + 1 < kSessions ? "train" : "test") << "\n";
        }
    }
    if (!list.flush()) throw std::runtime_error("cannot write the list of recordings");
}

Json wavesImport() {
    return {{"action", "import"},
            {"dataset", "waves"},
            {"path", "waves"},
            {"format", "csv"},
            {"window", {{"length", 64}, {"stride", 32}}},
            {"rate_hz", kRateHz}};
}

Json wavesRegenerate() {
    return {{"model", "waves"},
            {"dataset", "waves"},
            {"task", "Tell slow, middle and fast waves apart"},
            {"target", {{"accuracy", 0.9}}},
            {"budget", {{"minutes", 1}}}};
}

}  // namespace tinsmith::bench
