// The quantise and evaluate stages on a small job folder.
#include <gtest/gtest.h>

#include "handlers/flow/digest.hpp"
#include "handlers/quantize/stage.hpp"
#include "tests/handlers/quantize/job_folder.hpp"

namespace tinsmith {
namespace {

using test::JobFolder;

void ignore(const Json&) {}

TEST(QuantizeStage, WritesModelOutputsAndReport) {
    const JobFolder job;
    job.write(JobFolder::input());
    int percent = -1;
    const auto result = quantize::quantizeStage(job.path, [&](const Json& line) {
        EXPECT_GE(line["percent"].get<int>(), percent);
        percent = line["percent"];
    });
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(percent, 100);
    EXPECT_EQ((*result)["tflite"], "model.tflite");
    EXPECT_EQ((*result)["sha256"], sha256Hex(job.read("model.tflite")));
    EXPECT_EQ((*result)["bytes"], job.read("model.tflite").size());
    EXPECT_GT((*result)["macs"], 10000);
    for (const char* part : {"validation", "test"}) {
        const Json& report = (*result)["parts"][part];
        EXPECT_EQ(report["windows"], 40);
        EXPECT_EQ(report["confusion"].size(), 4u);
        EXPECT_EQ(report["per_class"].size(), 4u);
        EXPECT_TRUE(report["per_class"].contains("a"));
        EXPECT_LE(report["lower90"], report["accuracy"]);
        EXPECT_GE(report["agreement"], 0.9);
        EXPECT_EQ(job.read(report["outputs"]).size(), 160u);
    }
}

TEST(QuantizeStage, SameInputsSameBytes) {
    const JobFolder first;
    const JobFolder second;
    for (const JobFolder* job : {&first, &second}) {
        job->write(JobFolder::input());
        ASSERT_TRUE(quantize::quantizeStage(job->path, ignore));
    }
    EXPECT_EQ(first.read("model.tflite"), second.read("model.tflite"));
    EXPECT_EQ(first.read("outputs-test.bin"), second.read("outputs-test.bin"));
}

TEST(QuantizeStage, OutputsCanBeLimited) {
    const JobFolder job;
    Json input = JobFolder::input();
    input["windows_out"] = 5;
    job.write(input);
    const auto result = quantize::quantizeStage(job.path, ignore);
    ASSERT_TRUE(result);
    EXPECT_EQ((*result)["parts"]["test"]["windows"], 40);
    EXPECT_EQ(job.read("outputs-test.bin").size(), 20u);
}

TEST(EvaluateStage, FindsWhatTheQuantiserFound) {
    const JobFolder job;
    job.write(JobFolder::input());
    const auto made = quantize::quantizeStage(job.path, ignore);
    ASSERT_TRUE(made);
    job.write({{"tflite", "model.tflite"},
               {"dataset", "data.tsd"},
               {"plan", JobFolder::plan()},
               {"network_json", Json::parse(job.read("network/network.json"))},
               {"parts", Json::array({"test"})}});
    const auto result = quantize::evaluateStage(job.path, ignore);
    ASSERT_TRUE(result) << result.error().message;
    const Json& report = (*result)["parts"]["test"];
    for (const char* key :
         {"windows", "correct", "accuracy", "confusion", "per_class", "lower90"}) {
        EXPECT_EQ(report[key], (*made)["parts"]["test"][key]) << key;
    }
    EXPECT_FALSE(report.contains("agreement"));
}

TEST(QuantizeStage, BadInputsAreRefusedWithTheirPath) {
    const JobFolder job;
    const auto refused = [&](const Json& input) {
        job.write(input);
        const auto result = quantize::quantizeStage(job.path, ignore);
        return result ? Error{} : result.error();
    };
    Json input = JobFolder::input();
    input.erase("dataset");
    EXPECT_EQ(refused(input).path, "/dataset");
    input = JobFolder::input();
    input["dataset"] = "nothing.tsd";
    EXPECT_EQ(refused(input).code, Code::bad_path);
    input = JobFolder::input();
    input["network"] = 5;
    EXPECT_EQ(refused(input).path, "/network");
    input = JobFolder::input();
    input["evaluate"] = {"training"};
    EXPECT_EQ(refused(input).path, "/evaluate");
    input = JobFolder::input();
    input["plan"]["features"][0]["block"] = "magic";
    EXPECT_EQ(refused(input).code, Code::schema);
    input = JobFolder::input();
    input["plan"]["features"][0] = {{"block", "statistics"}};
    input["plan"]["network"] = Json::array();
    EXPECT_EQ(refused(input).code, Code::bad_data) << "the network was trained on other features";
    EXPECT_EQ(refused(Json::array()).code, Code::schema);
}

}  // namespace
}  // namespace tinsmith
