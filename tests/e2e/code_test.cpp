// A plan with a decision rule, all the way: compiled, caged, evaluated, built, proven on the
// emulated board against the gateway; and rules that do not hold.
#include <gtest/gtest.h>

#include "tests/e2e/house.hpp"
#include "tests/e2e/synthetic.hpp"
#include "tests/e2e/watcher.hpp"

namespace tinsmith::e2e {
namespace {

class Code : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        house_ = new House();
        writeFile(house_->dataDir() / "blobs.csv", blobs(8));
        house_->client()->runJob("dataset", importBlobs("blobs", "blobs.csv"), 30000);
    }
    static void TearDownTestSuite() { delete house_; }
    void SetUp() override { client_ = house_->client(); }

    Json learn(const std::string& model, const std::string& rule) {
        Json request = learnBlobs(model);
        request["budget"]["minutes"] = 1;
        request["plan"] = {
            {"features", {{{"block", "raw"}}}},
            {"network",
             {{{"layer", "flatten"}}, {{"layer", "dense"}, {"units", 16}, {"relu", true}}}},
            {"training", {{"epochs", 60}, {"batch_size", 16}, {"learning_rate", 0.01}}},
            {"code", {{"decision", {{"source", rule}}}}}};
        return client_->runJob("regenerate", request, 100000);
    }

    static House* house_;
    std::unique_ptr<Client> client_;
};

House* Code::house_ = nullptr;

TEST_F(Code, ARuleIsProvenAndItsFiguresAreThoseOfWhatIsPublished) {
    // Publishes what two windows in a row agree on.
    const Json job =
        learn("ruled",
              "int tinsmith_decide(const float *scores, int classes, float *memory) {\n"
              "  int best = 0;\n"
              "  for (int c = 1; c < classes; ++c) { if (scores[c] > scores[best]) best "
              "= c; }\n"
              "  int agreed = memory[0] == (float)(best + 1);\n"
              "  memory[0] = (float)(best + 1);\n"
              "  return agreed ? best : -1;\n}\n");
    ASSERT_EQ(stateOf(job), "succeeded") << job.dump(1) << house_->log("daemon");
    const Json shown = client_->request("model", {{"action", "show"}, {"model", "ruled"}});
    const std::string text = shown.dump();
    EXPECT_NE(text.find("tinsmith_decide"), std::string::npos) << "the version keeps its rule";
    const Json test = job.value(Json::json_pointer("/result/metrics/test"), Json::object());
    ASSERT_TRUE(test.contains("network_accuracy")) << job.dump(1);
    // Seven of the eight windows of each take are published, the first is wrong for want of a word.
    EXPECT_NEAR(test.value("published", 0.0), 0.875, 0.13) << test.dump();
    EXPECT_LE(test.value("accuracy", 1.0), test.value("network_accuracy", 0.0)) << test.dump();
}

TEST_F(Code, RulesThatDoNotHoldAreRefusedInAFewWords) {
    struct Case {
        std::string model, rule, words;
    };
    const std::string head =
        "int tinsmith_decide(const float *scores, int classes, float *memory) {\n";
    const std::vector<Case> cases = {
        {"compile", head + "  return scored[0] > 0.5f;\n}\n", "line 2"},
        {"constant", head + "  return 1;\n}\n", "returns 1 for every window"},
        {"wild", head + "  return (int)scores[classes * 9000000];\n}\n", "touched memory"},
        {"endless", head + "  while (scores[0] >= 0.0f) { memory[0] += 1.0f; }\n  return 0;\n}\n",
         "took too long"}};
    for (const Case& each : cases) {
        const Json job = learn(each.model, each.rule);
        EXPECT_EQ(stateOf(job), "failed") << each.model;
        const Json shown = showJob(*client_, job.value("job", ""));
        EXPECT_NE(shown.dump().find(each.words), std::string::npos) << shown.dump(1);
    }
    EXPECT_EQ(client_->request("health", Json::object()).value("status", ""), "ok");
}

}  // namespace
}  // namespace tinsmith::e2e
