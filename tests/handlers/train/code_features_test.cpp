// Before and after a feature block's program runs: which windows it is given, and what its answers
// become.
#include "handlers/train/code_features.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "handlers/code/run_format.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/train/job.hpp"
#include "handlers/train/samples.hpp"
#include "tests/handlers/train/folder.hpp"

namespace tinsmith::train {
namespace {

const char* const kSource =
    "void tinsmith_feature(const float *window, int length, int channels, float *out) {\n"
    "  out[0] = window[0]; out[1] = window[length * channels - 1];\n}\n";

Json codePlan() {
    return {{"version", 1},
            {"features", {{{"block", "code"}}}},
            {"network", {{{"layer", "dense"}, {"units", 4}}}},
            {"training", {{"epochs", 3}}},
            {"code", {{"feature", {{"source", kSource}, {"outputs", 2}}}}}};
}

// Two recordings a part, each counting up from a place of its own.
dataset::Dataset recordings() {
    dataset::Dataset data;
    data.channels = {"a"};
    data.windowLength = 4;
    data.windowStride = 2;
    data.classes = {"one", "two"};
    float next = 0;
    for (const auto part : {dataset::Part::train, dataset::Part::validation, dataset::Part::test}) {
        for (int label = 0; label < 2; ++label) {
            const std::string group = std::to_string(data.segments.size());
            data.segments.push_back({label, group, part, 12, data.samples.size()});
            for (int i = 0; i < 12; ++i) data.samples.push_back(next++);
            next += 100;
        }
    }
    return data;
}

void quiet(const Json&) {}

class CodeFeatures : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(dataset::save(folder_.path() / "data.tsd", recordings()));
        give({{"dataset", "data.tsd"}, {"plan", codePlan()}});
    }
    void give(const Json& input) {
        ASSERT_TRUE(writeFile(folder_.path() / "input.json", input.dump()));
    }
    // What the program would do.
    std::string answers() const {
        const std::string input = readAll(folder_.path() / code::kRunInputFile);
        code::RunHeader header;
        std::memcpy(&header, input.data(), sizeof header);
        const char* at = input.data() + sizeof header;
        const std::size_t bytes = header.length * header.channels * sizeof(float);
        std::string output;
        for (std::uint32_t i = 0; i < header.items; ++i, at += bytes) {
            output.append(at, sizeof(float));
            output.append(at + bytes - sizeof(float), sizeof(float));
        }
        const std::uint32_t end = code::kRunEnd;
        return output.append(reinterpret_cast<const char*>(&end), sizeof end);
    }
    Folder folder_;
};

TEST_F(CodeFeatures, EveryWindowThatAnyStageSeesIsThere) {
    const auto given = codeInputStage(folder_.path(), quiet);
    ASSERT_TRUE(given) << given.error().message;
    EXPECT_EQ((*given)["outputs"], 2);
    // 5 windows each of two train recordings, 3 of each other one, 2 more each of validation's when
    // the final fit cuts it like train.
    EXPECT_EQ((*given)["windows"], 10 + 6 + 6 + 4);
    ASSERT_TRUE(writeFile(folder_.path() / "computed", answers()));
    give({{"dataset", "data.tsd"}, {"plan", codePlan()}, {"computed", "computed"}});
    const auto made = codeFeaturesStage(folder_.path(), quiet);
    ASSERT_TRUE(made) << made.error().message;

    give({{"dataset", "data.tsd"}, {"plan", codePlan()}, {"code_features", (*made)["table"]}});
    const auto job = readJob(folder_.path());
    ASSERT_TRUE(job) << job.error().message << job.error().path;
    ASSERT_TRUE(job->codeFeatures);
    Extractor extractor(job->plan, job->data, &*job->codeFeatures);
    for (const auto part : {dataset::Part::train, dataset::Part::validation, dataset::Part::test}) {
        const auto windows = dataset::windows(job->data, part);
        const Samples samples = extractor.extract(windows);
        ASSERT_EQ(samples.width, 2u);
        for (std::size_t i = 0; i < windows.size(); ++i) {
            EXPECT_EQ(samples.values[2 * i], windows[i].samples[0]);
            EXPECT_EQ(samples.values[2 * i + 1], windows[i].samples[3]);
        }
    }
}

TEST_F(CodeFeatures, WindowsArriveConditionedAndCutAsThePlanSays) {
    Json plan = codePlan();
    plan["windowing"] = {{"length", 6}, {"stride", 6}};
    plan["conditioning"] = {{"resample", 2}};
    give({{"dataset", "data.tsd"}, {"plan", plan}});
    const auto given = codeInputStage(folder_.path(), quiet);
    ASSERT_TRUE(given) << given.error().message;
    EXPECT_EQ((*given)["windows"], 12);
    const std::string input = readAll(folder_.path() / code::kRunInputFile);
    code::RunHeader header;
    std::memcpy(&header, input.data(), sizeof header);
    EXPECT_EQ(header.length, 3u);
    float first[3];
    std::memcpy(first, input.data() + sizeof header, sizeof first);
    EXPECT_EQ(first[0], 0.5F) << "0 and 1";
    EXPECT_EQ(first[2], 4.5F) << "4 and 5";
}

TEST_F(CodeFeatures, WhatIsMissingOrWrongIsSaid) {
    struct Case {
        Json input;
        Code code;
        std::string path;
    };
    Json plain = codePlan();
    plain["features"] = {{{"block", "statistics"}}};
    plain.erase("code");
    ASSERT_TRUE(writeFile(folder_.path() / "short", std::string(8, '\0')));
    const Case cases[] = {
        {{{"dataset", "data.tsd"}, {"plan", plain}}, Code::schema, "/plan"},
        {{{"dataset", "data.tsd"}, {"plan", codePlan()}, {"computed", "short"}},
         Code::build_failed,
         "/code/feature/source"},
    };
    for (const Case& each : cases) {
        give(each.input);
        const auto made = codeFeaturesStage(folder_.path(), quiet);
        ASSERT_FALSE(made) << each.input;
        EXPECT_EQ(made.error().code, each.code) << made.error().message;
        EXPECT_EQ(made.error().path, each.path);
    }
    give({{"dataset", "data.tsd"}, {"plan", codePlan()}});
    const auto job = readJob(folder_.path());
    ASSERT_FALSE(job) << "without the table nothing is trained";
    EXPECT_EQ(job.error().path, "/code_features");
}

}  // namespace
}  // namespace tinsmith::train
