// A job folder with a small made-up dataset, a plan and an untrained network: what the stages after
// training read.
#pragma once

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "handlers/dataset/dataset.hpp"
#include "handlers/flow/json.hpp"
#include "tests/handlers/quantize/random_network.hpp"

namespace tinsmith::test {

class JobFolder {
  public:
    JobFolder() {
        static int count = 0;
        path = std::filesystem::temp_directory_path() /
               ("tinsmith-stage-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
        std::filesystem::create_directories(path);
        // Four classes of sines at different speeds, 100 x 3 a window.
        dataset::Dataset data;
        data.channels = {"x", "y", "z"};
        data.windowLength = 100;
        data.windowStride = 50;
        data.classes = {"a", "b", "c", "d"};
        for (int label = 0; label < 4; ++label) {
            for (int part = 0; part < 3; ++part) {
                const std::size_t samples = 1000;
                data.segments.push_back({label, std::to_string(part),
                                         static_cast<dataset::Part>(part), samples,
                                         data.samples.size()});
                for (std::size_t i = 0; i < samples * 3; ++i) {
                    data.samples.push_back(
                        std::sin(0.01F * static_cast<float>((i + 7) * (label + 1 + part % 2))));
                }
            }
        }
        EXPECT_TRUE(dataset::save(path / "data.tsd", data));
        EXPECT_TRUE(train::save(path / "network", randomNetwork(1, 4).network));
    }
    ~JobFolder() { std::filesystem::remove_all(path); }
    JobFolder(const JobFolder&) = delete;
    JobFolder& operator=(const JobFolder&) = delete;

    static Json plan() {
        return Json::parse(R"({"version":1,"reason":"test","features":[{"block":"raw"}],"network":[
            {"layer":"conv1d","filters":16,"kernel":5},{"layer":"max_pool","size":2},
            {"layer":"conv1d","filters":24,"kernel":3},{"layer":"global_average_pool"}],
            "training":{"epochs":1}})");
    }
    static Json input() {
        return {{"dataset", "data.tsd"},
                {"plan", plan()},
                {"network", "network"},
                {"evaluate", Json::array({"validation", "test"})}};
    }
    void write(const Json& input) const { std::ofstream(path / "input.json") << input.dump(); }
    std::string read(const std::string& name) const {
        std::ifstream in(path / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }

    std::filesystem::path path;
};

}  // namespace tinsmith::test
