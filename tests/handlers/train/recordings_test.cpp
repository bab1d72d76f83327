// The built-in search on the shared recordings, without the rest of the house: import, search on
// validation, fit once more on train and validation, look at test once. The figures are the issue's
// minus 3 points, because machines differ.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "handlers/dataset/import.hpp"
#include "handlers/plan/search.hpp"
#include "handlers/train/float_network.hpp"
#include "handlers/train/job.hpp"
#include "handlers/train/samples.hpp"
#include "handlers/train/score.hpp"
#include "tests/handlers/train/folder.hpp"

namespace tinsmith::train {
namespace {

struct Recording {
    const char* name;
    Json request;
    double target;  // that the search stops at
    double least;   // test accuracy
};

std::filesystem::path shared() {
    const char* set = std::getenv("TINSMITH_SHARED");
    return set != nullptr ? std::filesystem::path(set)
                          : std::filesystem::path(TINSMITH_SOURCE_DIR).parent_path() / "shared";
}

double testAccuracy(const std::filesystem::path& networkPath, const plan::Plan& plan,
                    const dataset::Dataset& data) {
    const auto network = load(networkPath);
    if (!network) {
        ADD_FAILURE() << network.error().message;
        return 0;
    }
    Extractor extractor(plan, data);
    Samples samples = extractor.extract(dataset::windows(data, dataset::Part::test));
    normalise(*network, samples.values);
    std::size_t correct = 0;
    std::vector<std::vector<float>> outputs;
    for (std::size_t i = 0; i < samples.count(); ++i) {
        forward(*network, {samples.values.data() + i * samples.width, samples.width}, outputs);
        const auto& logits = outputs.back();
        correct +=
            std::max_element(logits.begin(), logits.end()) - logits.begin() == samples.labels[i]
                ? 1
                : 0;
    }
    return static_cast<double>(correct) / static_cast<double>(samples.count());
}

class Recordings : public testing::TestWithParam<Recording> {};

TEST_P(Recordings, ReachTheirFigure) {
    const Recording& recording = GetParam();
    if (!std::filesystem::exists(shared() / "data" / recording.name)) {
        GTEST_SKIP() << "Recordings.ReachTheirFigure/" << recording.name
                     << ": no shared recordings here";
    }
    const auto options = dataset::parseImportOptions(recording.request);
    ASSERT_TRUE(options) << options.error().message;
    const auto imported = dataset::importData(shared() / "data", *options);
    ASSERT_TRUE(imported) << imported.error().message;
    const dataset::Dataset& data = imported->dataset;
    const Folder folder;
    ASSERT_TRUE(dataset::save(folder.path() / "data.tsd", data));

    plan::SearchInput input;
    input.window = windowShape(data);
    input.trainWindows = dataset::windows(data, dataset::Part::train).size();
    input.limits = {"mps2-an386", {25e6, 1.2, 1.3, 1.5}, 1'000'000, 256'000, 150'000, 80'000, 0};
    const Json common = {{"dataset", "data.tsd"}, {"seed", 1}};
    std::vector<plan::Outcome> outcomes;
    bool reached = false;
    for (auto trials = plan::nextTrials(input, {}); !trials.empty() && !reached;
         trials = plan::nextTrials(input, outcomes)) {
        for (const auto& trial : trials) {
            Json job = common;
            job["plan"] = plan::toJson(trial.plan);
            job["epochs_scale"] = trial.epochsScale;
            ASSERT_EQ(folder.run(TINSMITH_TRAIN, job), 0) << folder.output().dump();
            const Json validation = folder.output()["validation"];
            outcomes.push_back({trial, validation["accuracy"], validation["lower90"], 0, {}});
            std::printf("%s rung %d validation %.3f (above %.3f), %s\n", recording.name, trial.rung,
                        outcomes.back().accuracy, outcomes.back().lower90,
                        trial.plan.reason.c_str());
            std::fflush(stdout);
            reached = outcomes.back().lower90 >= recording.target;
            if (reached) break;
        }
    }
    const auto best = plan::bestOutcome(outcomes);
    ASSERT_TRUE(best);
    const plan::Plan& chosen = outcomes[*best].trial.plan;
    Json job = common;
    job["plan"] = plan::toJson(chosen);
    job["parts"] = {"train", "validation"};
    ASSERT_EQ(folder.run(TINSMITH_TRAIN, job), 0) << folder.output().dump();
    const double accuracy = testAccuracy(folder.path() / "network", chosen, data);
    std::printf("%s: %zu trials, chosen \"%s\", test %.4f\n", recording.name, outcomes.size(),
                chosen.reason.c_str(), accuracy);
    EXPECT_GE(accuracy, recording.least);
}

INSTANTIATE_TEST_SUITE_P(
    All, Recordings,
    testing::Values(
        Recording{
            "fruit",
            Json::parse(
                R"({"path":"fruit","format":"csv","label":"column:Fruit","channels":["Red","Green","Blue"],"window":{"length":1}})"),
            0.95, 0.94},
        Recording{
            "vibration",
            Json::parse(
                R"({"path":"vibration","format":"csv","window":{"length":100,"stride":50},"rate_hz":50})"),
            0.80, 0.77},
        Recording{
            "motion",
            Json::parse(
                R"({"path":"motion","format":"csv","window":{"length":160,"stride":80},"rate_hz":20})"),
            0.90, 0.87}),
    [](const testing::TestParamInfo<Recording>& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace tinsmith::train
