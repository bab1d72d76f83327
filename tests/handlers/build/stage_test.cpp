// The generate stage on a small job folder.
#include <gtest/gtest.h>

#include "handlers/build/stage.hpp"
#include "handlers/quantize/stage.hpp"
#include "tests/handlers/quantize/job_folder.hpp"

namespace tinsmith {
namespace {

using test::JobFolder;

void ignore(const Json&) {}

Json generateInput() {
    Json input = JobFolder::input();
    input.erase("evaluate");
    input["tflite"] = "model.tflite";
    input["model"] = "sines";
    input["version"] = 3;
    input["golden"] = 4;
    input["board"] = "mps2-an386";
    input["kernels"] = "armv7em";
    return input;
}

TEST(GenerateStage, WritesTheSameSourceEachTime) {
    std::string texts[2];
    for (std::string& text : texts) {
        const JobFolder job;
        job.write(JobFolder::input());
        const auto quantised = quantize::quantizeStage(job.path, ignore);
        ASSERT_TRUE(quantised) << quantised.error().message;
        job.write(generateInput());
        const auto result = build::generateStage(job.path, ignore);
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_EQ((*result)["model_digest"], (*quantised)["sha256"]);
        EXPECT_EQ((*result)["report"]["golden_bytes"], 4 * (1200 + 4));
        EXPECT_EQ((*result)["board"], "mps2-an386");
        text = job.read((*result)["source"]);
    }
    EXPECT_EQ(texts[0], texts[1]);
    EXPECT_NE(texts[0].find("\"sines\",\n    \"3\""), std::string::npos);
}

TEST(GenerateStage, MissingMembersAreNamed) {
    const JobFolder job;
    for (const char* key : {"model", "version", "board", "kernels", "tflite"}) {
        Json input = generateInput();
        input.erase(key);
        job.write(input);
        const auto result = build::generateStage(job.path, ignore);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().path, std::string("/") + key);
    }
    job.write(generateInput());
    EXPECT_EQ(build::generateStage(job.path, ignore).error().code, Code::bad_path)
        << "no model.tflite yet";
}

}  // namespace
}  // namespace tinsmith
