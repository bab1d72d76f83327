// The stages from recordings to a quantised model, one after the other in one folder, as the daemon
// runs them for a job. What fails is thrown.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "handlers/dataset/stage.hpp"
#include "handlers/quantize/stage.hpp"

namespace tinsmith::test {

class Stages {
  public:
    // `trainer` is the tinsmith-train executable; the folder is there.
    Stages(std::filesystem::path folder, std::filesystem::path trainer)
        : folder_(std::move(folder)), trainer_(std::move(trainer)) {}

    const std::filesystem::path& folder() const { return folder_; }

    Json import(const std::filesystem::path& root, const Json& request) const {
        write({{"root", root.string()}, {"request", request}});
        return ended("import", dataset::importStage(folder_, [](const Json&) {}));
    }
    Json train(const Json& input) const {
        write(input);
        const int status =
            std::system((trainer_.string() + " " + folder_.string() + " >/dev/null").c_str());
        std::ifstream in(folder_ / "output.json");
        Json output = Json::parse(in, nullptr, false);
        if (status != 0) throw std::runtime_error("train: " + output.dump());
        return output;
    }
    Json quantize(const Json& input) const {
        write(input);
        return ended("quantize", quantize::quantizeStage(folder_, [](const Json&) {}));
    }

  private:
    void write(const Json& input) const { std::ofstream(folder_ / "input.json") << input.dump(); }
    static Json ended(const std::string& stage, Result<Json> result) {
        if (!result) throw std::runtime_error(stage + ": " + result.error().message);
        return std::move(*result);
    }

    std::filesystem::path folder_;
    std::filesystem::path trainer_;
};

}  // namespace tinsmith::test
