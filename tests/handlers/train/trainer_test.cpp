// tinsmith-train as it is run: on a small made-up dataset of two tones, flat noise and drift.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <sstream>

#include "handlers/train/float_network.hpp"
#include "handlers/train/samples.hpp"
#include "handlers/train/score.hpp"
#include "tests/handlers/train/folder.hpp"

namespace tinsmith::train {
namespace {

dataset::Dataset tones() {
    dataset::Dataset data;
    data.channels = {"x", "y"};
    data.windowLength = 32;
    data.windowStride = 16;
    data.classes = {"high", "low", "noise"};
    std::mt19937_64 random(5);
    std::normal_distribution<float> normal(0, 0.4f);
    for (int group = 0; group < 6; ++group) {
        for (int label = 0; label < 3; ++label) {
            const auto part = group < 4   ? dataset::Part::train
                              : group < 5 ? dataset::Part::validation
                                          : dataset::Part::test;
            data.segments.push_back({label, std::to_string(group), part, 320, data.samples.size()});
            const double pitch = label == 0 ? 1.1 : 0.4;
            for (int i = 0; i < 320; ++i) {
                const double tone = label == 2 ? 0 : std::sin(pitch * i + group);
                data.samples.push_back(static_cast<float>(tone) + normal(random));
                data.samples.push_back(static_cast<float>(0.5 * tone) + normal(random));
            }
        }
    }
    return data;
}

Json convPlan() {
    return Json::parse(R"({"version":1,"features":[{"block":"raw","magnitude":true}],
        "network":[{"layer":"conv1d","filters":8,"kernel":4,"stride":2,"batch_norm":true},
                   {"layer":"max_pool","size":2},{"layer":"conv1d","filters":8,"kernel":3,"batch_norm":true},
                   {"layer":"average_pool","size":2},{"layer":"dropout","rate":0.1},{"layer":"flatten"},
                   {"layer":"dense","units":8,"batch_norm":true}],
        "training":{"epochs":12,"batch_size":16,"learning_rate":0.01,"augment":{"noise":0.05,"shift":8}}})");
}

Json imagePlan() {
    return Json::parse(R"({"version":1,
        "features":[{"block":"spectrum","fft":16,"hop":4,"bins":8,"log":true}],
        "network":[{"layer":"image","channels":1},
                   {"layer":"conv2d","filters":8,"kernel":[3,2],"stride":[1,2],"batch_norm":true},
                   {"layer":"depthwise_conv2d","kernel":[3,3],"batch_norm":true},
                   {"layer":"conv2d","filters":12,"kernel":[1,1]},
                   {"layer":"average_pool","size":2},
                   {"layer":"global_average_pool"}],
        "training":{"epochs":12,"batch_size":16,"learning_rate":0.01,"augment":{"shift":8}}})");
}

Json densePlan() {
    return Json::parse(R"({"version":1,
        "features":[{"block":"statistics"},{"block":"spectrum","fft":32,"hop":32,"bins":8,"log":true}],
        "network":[{"layer":"dense","units":8}],
        "training":{"epochs":12,"batch_size":16,"learning_rate":0.01,"augment":{"noise":0.05}}})");
}

// One channel of windows that say one value each: class "up" around +1, "down" around -1, and
// `seldom` of a hundred windows are up.
dataset::Dataset levels(float spread, int seldom) {
    dataset::Dataset data;
    data.channels = {"x"};
    data.windowLength = 8;
    data.windowStride = 8;
    data.classes = {"down", "up"};
    std::mt19937_64 random(11);
    std::normal_distribution<float> normal(0, spread);
    for (int window = 0; window < 1200; ++window) {
        const int label = window % 100 < seldom ? 1 : 0;
        const auto part = window < 600 ? dataset::Part::train : dataset::Part::validation;
        const float value = (label == 1 ? 1.0f : -1.0f) + normal(random);
        data.segments.push_back({label, std::to_string(window), part, 8, data.samples.size()});
        data.samples.insert(data.samples.end(), 8, value);
    }
    return data;
}

Json levelPlan(const Json& training) {
    Json plan = Json::parse(R"({"version":1,"features":[{"block":"raw"}],
        "network":[{"layer":"flatten"},{"layer":"dense","units":16}],
        "training":{"epochs":30,"batch_size":32,"learning_rate":0.01}})");
    plan["training"].update(training);
    return plan;
}

// The probability of the second class for a window that says `value` throughout.
double probabilityAt(const FloatNetwork& network, float value) {
    std::vector<float> window(8, value);
    normalise(network, window);
    std::vector<std::vector<float>> outputs;
    forward(network, window, outputs);
    const auto& logits = outputs.back();
    return 1 / (1 + std::exp(logits[0] - logits[1]));
}

void trainLevels(const Folder& folder, const Json& training) {
    const Json input = {{"dataset", "levels.tsd"},
                        {"plan", levelPlan(training)},
                        {"seed", 2},
                        {"early_stopping", false}};
    EXPECT_EQ(folder.run(TINSMITH_TRAIN, input), 0) << folder.output().dump();
}

struct Trained {
    Json output;
    std::string files;  // every byte that counts
};

Trained train(const Json& plan, int seed, const Json& more = Json::object()) {
    const Folder folder;
    EXPECT_TRUE(dataset::save(folder.path() / "tones.tsd", tones()));
    Json input = {{"dataset", "tones.tsd"}, {"plan", plan}, {"seed", seed}};
    input.update(more);
    EXPECT_EQ(folder.run(TINSMITH_TRAIN, input), 0) << folder.output().dump();
    Trained result{folder.output(), readAll(folder.path() / "output.json")};
    for (const char* name : {"network/network.json", "network/weights.bin"})
        result.files += readAll(folder.path() / name);
    // What was exported computes what the trainer measured, through the same features.
    const auto network = load(folder.path() / "network");
    if (!network) {
        ADD_FAILURE() << network.error().message;
        return result;
    }
    const auto data = tones();
    const auto parsed = plan::parsePlan(plan, {32, 2, 3});
    EXPECT_TRUE(parsed);
    Extractor extractor(*parsed, data);
    Samples samples = extractor.extract(dataset::windows(data, dataset::Part::validation));
    normalise(*network, samples.values);
    std::vector<int> predicted;
    std::vector<std::vector<float>> outputs;
    for (std::size_t i = 0; i < samples.count(); ++i) {
        forward(*network, {samples.values.data() + i * samples.width, samples.width}, outputs);
        const auto& logits = outputs.back();
        predicted.push_back(
            static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    }
    EXPECT_EQ(toJson(score(samples.labels, predicted, 3)), result.output["validation"]);
    return result;
}

TEST(Trainer, LearnsTonesAndExportsWhatItMeasured) {
    for (const Json& plan : {convPlan(), imagePlan(), densePlan()}) {
        const Trained trained = train(plan, 1);
        EXPECT_GE(trained.output["validation"]["accuracy"].get<double>(), 0.9)
            << trained.output.dump();
        EXPECT_EQ(trained.output["network"], "network");
        EXPECT_EQ(trained.output["curve"].size(), trained.output["epochs"].get<std::size_t>());
    }
}

TEST(Trainer, BalancesClassesThatOverlap) {
    const Folder folder;
    ASSERT_TRUE(dataset::save(folder.path() / "levels.tsd", levels(1.5f, 8)));
    const auto recallOfSeldom = [&](const char* balance) {
        trainLevels(folder, {{"balance", balance}});
        return folder.output()["validation"]["per_class"][1].get<double>();
    };
    EXPECT_LT(recallOfSeldom("none"), 0.4);
    EXPECT_GT(recallOfSeldom("weights"), 0.6);
    EXPECT_GT(recallOfSeldom("oversample"), 0.6);
}

// A network that saw blends of -1 and +1 with both labels knows what lies between them: at 0.5 the
// share of +1 is three quarters. Blending only the values, or only the labels, says 0.5 there or
// doubts at +1.
TEST(Trainer, MixBlendsWindowsAndTheirLabels) {
    const Folder folder;
    ASSERT_TRUE(dataset::save(folder.path() / "levels.tsd", levels(0.01f, 50)));
    const auto probabilities = [&](const Json& augment) {
        trainLevels(folder, {{"augment", augment}});
        const auto network = load(folder.path() / "network");
        EXPECT_TRUE(network);
        return std::pair(probabilityAt(*network, 0.5f), probabilityAt(*network, 1.0f));
    };
    const auto plain = probabilities(Json::object());
    EXPECT_GT(plain.first, 0.9);
    EXPECT_GT(plain.second, 0.99);
    const auto mixed = probabilities({{"mix", 1.0}});
    EXPECT_NEAR(mixed.first, 0.75, 0.1);
    EXPECT_GT(mixed.second, 0.9);
}

TEST(Trainer, SameSeedSameBytes) {
    for (const Json& plan : {convPlan(), imagePlan(), densePlan()}) {
        const Trained first = train(plan, 7);
        EXPECT_EQ(first.files, train(plan, 7).files);
        EXPECT_NE(first.files, train(plan, 8).files);
    }
}

TEST(Trainer, FinalFitTakesAllEpochsAndBothParts) {
    const Trained trained =
        train(convPlan(), 1, {{"parts", {"train", "validation"}}, {"epochs", 6}});
    EXPECT_EQ(trained.output["epochs"], 6);
    EXPECT_EQ(trained.output["best_epoch"], 6);
    EXPECT_FALSE(trained.output["curve"][0].contains("validation_accuracy"));
    const Trained shorter =
        train(convPlan(), 1, {{"epochs_scale", 0.25}, {"early_stopping", false}});
    EXPECT_EQ(shorter.output["epochs"], 3);
}

TEST(Trainer, ContinuesFromOldWeights) {
    for (const Json& plan : {convPlan(), imagePlan(), densePlan()}) {
        const Folder folder;
        ASSERT_TRUE(dataset::save(folder.path() / "tones.tsd", tones()));
        const auto accuracyAfter = [&](const Json& more) {
            Json input = {
                {"dataset", "tones.tsd"}, {"plan", plan}, {"seed", 3}, {"early_stopping", false}};
            input.update(more);
            EXPECT_EQ(folder.run(TINSMITH_TRAIN, input), 0) << folder.output().dump();
            return folder.output()["validation"]["accuracy"].get<double>();
        };
        const double trained = accuracyAfter({{"epochs", 12}});
        std::filesystem::rename(folder.path() / "network", folder.path() / "old");
        const double fresh = accuracyAfter({{"epochs", 1}});
        const double continued = accuracyAfter({{"epochs", 1}, {"start", "old"}});
        EXPECT_GE(trained, 0.9);
        EXPECT_GE(continued, trained - 0.04) << "fresh weights reach " << fresh;
        EXPECT_LT(fresh, continued);
        const auto before = load(folder.path() / "old");
        const auto after = load(folder.path() / "network");
        ASSERT_TRUE(before && after);
        EXPECT_EQ(before->mean, after->mean) << "the old weights were fitted under this";
    }
}

TEST(Trainer, ContinuesOnlyFromItsOwnNetwork) {
    const Folder folder;
    ASSERT_TRUE(dataset::save(folder.path() / "tones.tsd", tones()));
    Json input = {
        {"dataset", "tones.tsd"}, {"plan", densePlan()}, {"epochs", 1}, {"early_stopping", false}};
    ASSERT_EQ(folder.run(TINSMITH_TRAIN, input), 0);
    std::filesystem::rename(folder.path() / "network", folder.path() / "old");
    input["start"] = "old";
    input["plan"]["network"][0]["units"] = 9;
    EXPECT_EQ(folder.run(TINSMITH_TRAIN, input), 1);
    EXPECT_EQ(folder.output()["error"]["code"], "bad_data") << folder.output().dump();
    EXPECT_EQ(folder.output()["error"]["path"], "/start");
    input["start"] = "nowhere";
    EXPECT_EQ(folder.run(TINSMITH_TRAIN, input), 1) << "there is no such folder";
}

TEST(Trainer, PrintsProgressAsJsonLines) {
    const Folder folder;
    ASSERT_TRUE(dataset::save(folder.path() / "tones.tsd", tones()));
    ASSERT_EQ(folder.run(TINSMITH_TRAIN, {{"dataset", "tones.tsd"},
                                          {"plan", densePlan()},
                                          {"epochs", 3},
                                          {"early_stopping", false}}),
              0);
    std::istringstream lines(readAll(folder.path() / "log"));
    int count = 0;
    double percent = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const auto json = parseJson(line);
        ASSERT_TRUE(json) << line;
        EXPECT_GT((*json)["percent"].get<double>(), percent);
        percent = (*json)["percent"];
        EXPECT_TRUE(json->contains("train_loss") && json->contains("validation_accuracy"));
    }
    EXPECT_EQ(count, 3);
    EXPECT_EQ(percent, 100);
}

TEST(Trainer, RefusesBadJobsWithCodeAndPath) {
    const Folder folder;
    ASSERT_TRUE(dataset::save(folder.path() / "tones.tsd", tones()));
    const Json good = {{"dataset", "tones.tsd"}, {"plan", densePlan()}};
    const auto refused = [&](const char* key, const Json& value) {
        Json input = good;
        input[key] = value;
        EXPECT_EQ(folder.run(TINSMITH_TRAIN, input), 1) << key;
        const Json error = folder.output()["error"];
        return error["code"].get<std::string>() + " " + error.value("path", "");
    };
    Json plan = densePlan();
    plan["network"][0]["layer"] = "lstm";
    EXPECT_EQ(refused("plan", plan), "schema /plan/network/0/layer");
    EXPECT_EQ(refused("parts", Json::array({"test"})), "schema /parts");
    EXPECT_EQ(refused("epochs", 0), "schema /epochs");
    EXPECT_EQ(refused("epochs_scale", -1), "schema /epochs_scale");
    EXPECT_EQ(refused("surprise", 1), "schema /surprise");
    EXPECT_EQ(refused("dataset", "nothing.tsd").substr(0, 4), "bad_");
    auto data = tones();
    for (auto& segment : data.segments) segment.part = dataset::Part::train;
    ASSERT_TRUE(dataset::save(folder.path() / "all.tsd", data));
    EXPECT_EQ(refused("dataset", "all.tsd"), "bad_data ");
}

}  // namespace
}  // namespace tinsmith::train
