// What a decision rule makes of a network's outputs: four recordings of ten windows, one a class.
#include "handlers/quantize/decision.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "handlers/code/run_format.hpp"
#include "handlers/quantize/stage.hpp"
#include "tests/handlers/quantize/job_folder.hpp"

namespace tinsmith {
namespace {

using test::JobFolder;

void ignore(const Json&) {}

Json planWithRule() {
    Json plan = JobFolder::plan();
    plan["code"]["decision"]["source"] =
        "int tinsmith_decide(const float *scores, int classes, float *memory) { return 0; }";
    return plan;
}

std::string written(const std::vector<std::int32_t>& decisions) {
    std::string bytes(reinterpret_cast<const char*>(decisions.data()), decisions.size() * 4);
    return bytes.append(reinterpret_cast<const char*>(&code::kRunEnd), 4);
}

TEST(DecideStage, CountsWhatIsPublished) {
    const JobFolder job;
    Json input = JobFolder::input();
    input["plan"] = planWithRule();
    job.write(input);
    const auto made = quantize::quantizeStage(job.path, ignore);
    ASSERT_TRUE(made) << made.error().message;
    const Json& network = (*made)["parts"]["test"];
    const std::string given = job.read("code-input-test");
    code::RunHeader header;
    ASSERT_EQ(given.size(), sizeof header + 80 * (4 + 4 * 4));
    std::memcpy(&header, given.data(), sizeof header);
    EXPECT_EQ(header.items, 80u);
    for (std::size_t i = 0; i < 80; ++i) {
        std::uint32_t anew = 9;
        std::memcpy(&anew, given.data() + sizeof header + i * 20, 4);
        EXPECT_EQ(anew, i % 10 == 0 ? 1u : 0u) << i;
    }

    std::vector<std::int32_t> perfect, late, winners;
    const std::string outputs = job.read("outputs-test.bin");
    for (int i = 0; i < 40; ++i) {
        perfect.push_back(i / 10);
        late.push_back(i % 10 == 3 ? i / 10 : -1);
        const auto* scores = reinterpret_cast<const std::int8_t*>(outputs.data()) + i * 4;
        winners.push_back(static_cast<int>(std::max_element(scores, scores + 4) - scores));
    }
    struct Case {
        std::vector<std::int32_t> decisions;
        double accuracy, published;
    };
    const std::vector<Case> cases = {{perfect, 1.0, 1.0},
                                     {late, 0.7, 0.1},  // nothing for three windows of ten
                                     {winners, network["accuracy"], 1.0}};
    for (Case each : cases) {
        each.decisions.resize(80, 0);  // and nothing new of the same scores again and again
        std::ofstream(job.path / "decided", std::ios::binary) << written(each.decisions);
        job.write({{"dataset", "data.tsd"},
                   {"plan", planWithRule()},
                   {"part", "test"},
                   {"outputs", "outputs-test.bin"},
                   {"decided", "decided"}});
        const auto report = quantize::decideStage(job.path, ignore);
        ASSERT_TRUE(report) << report.error().message;
        EXPECT_DOUBLE_EQ((*report)["accuracy"], each.accuracy);
        EXPECT_DOUBLE_EQ((*report)["published"], each.published);
        EXPECT_EQ((*report)["network_accuracy"], network["accuracy"]);
        EXPECT_EQ((*report)["windows"], 40);
        EXPECT_EQ((*report)["per_class"].size(), 4u);
    }

    std::ofstream(job.path / "decided", std::ios::binary) << written({1, 2});
    const auto cut = quantize::decideStage(job.path, ignore);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, Code::build_failed);
    std::filesystem::remove(job.path / "decided");
    std::filesystem::create_symlink(job.path / "outputs-test.bin", job.path / "decided");
    const auto link = quantize::decideStage(job.path, ignore);
    ASSERT_FALSE(link);
    EXPECT_EQ(link.error().code, Code::bad_data);
}

}  // namespace
}  // namespace tinsmith
