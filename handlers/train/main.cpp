// tinsmith-train JOBDIR: reads input.json, prints progress as JSON lines, writes network/ and
// output.json. Exit 0 = done; 1 = output.json holds {"error":{…}}; 2 = called wrongly;
// 3 = no room for output.json.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "handlers/train/trainer.hpp"

namespace {

using namespace tinsmith;

Json curveJson(const std::vector<train::EpochNote>& curve) {
    Json json = Json::array();
    for (const auto& note : curve) {
        Json entry = {{"epoch", note.epoch},
                      {"train_loss", note.trainLoss},
                      {"train_accuracy", note.trainAccuracy}};
        if (!std::isnan(note.validationAccuracy)) {
            entry["validation_loss"] = note.validationLoss;
            entry["validation_accuracy"] = note.validationAccuracy;
        }
        json.push_back(std::move(entry));
    }
    return json;
}

Result<Json> run(const std::filesystem::path& folder) {
    auto job = train::readJob(folder);
    if (!job) return std::unexpected(job.error());
    auto fitted = train::train(*job, [](const Json& line) {
        std::printf("%s\n", line.dump().c_str());
        std::fflush(stdout);
    });
    if (!fitted) return std::unexpected(fitted.error());
    if (auto ok = train::save(folder / "network", fitted->network); !ok)
        return std::unexpected(ok.error());
    return Json{{"network", "network"},
                {"epochs", fitted->epochs},
                {"best_epoch", fitted->bestEpoch},
                {"train_accuracy", fitted->trainAccuracy},
                {"validation", train::toJson(fitted->validation)},
                {"curve", curveJson(fitted->curve)}};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: tinsmith-train JOBDIR\n");
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    const Result<Json> result = run(folder);
    const Json output = result ? *result : Json{{"error", toJson(result.error())}};
    std::ofstream out(folder / "output.json", std::ios::binary | std::ios::trunc);
    out << output.dump(1, ' ', false, Json::error_handler_t::replace) << "\n";
    out.close();
    if (!out) {
        std::fprintf(stderr, "cannot write output.json\n");
        return 3;
    }
    return result ? 0 : 1;
}
