// Plans with generated code, all the way: compiled, caged, evaluated, built, proven on the emulated
// board against the gateway; and code that does not hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/e2e/house.hpp"
#include "tests/e2e/scripted_model.hpp"
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

    Json learn(const std::string& model, const Json& features, const Json& code) {
        Json request = learnBlobs(model);
        request["budget"]["minutes"] = 1;
        request["plan"] = {
            {"features", features},
            {"network",
             {{{"layer", "flatten"}}, {{"layer", "dense"}, {"units", 16}, {"relu", true}}}},
            {"training", {{"epochs", 60}, {"batch_size", 16}, {"learning_rate", 0.01}}},
            {"code", code}};
        return client_->runJob("regenerate", request, 100000);
    }
    Json learnWithRule(const std::string& model, const std::string& rule) {
        return learn(model, {{{"block", "raw"}}}, {{"decision", {{"source", rule}}}});
    }
    Json learnWithBlock(const std::string& model, const std::string& feature, int outputs) {
        return learn(model, {{{"block", "code"}}},
                     {{"feature", {{"source", feature}, {"outputs", outputs}}}});
    }

    static House* house_;
    std::unique_ptr<Client> client_;
};

House* Code::house_ = nullptr;

TEST_F(Code, ARuleIsProvenAndItsFiguresAreThoseOfWhatIsPublished) {
    // Publishes what two windows in a row agree on.
    const Json job =
        learnWithRule("ruled",
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
        const Json job = learnWithRule(each.model, each.rule);
        EXPECT_EQ(stateOf(job), "failed") << each.model;
        const Json shown = showJob(*client_, job.value("job", ""));
        EXPECT_NE(shown.dump().find(each.words), std::string::npos) << shown.dump(1);
    }
    EXPECT_EQ(client_->request("health", Json::object()).value("status", ""), "ok");
}

constexpr const char* kFeatureHead =
    "void tinsmith_feature(const float *window, int length, int channels, float *out) {\n";

TEST_F(Code, AFeatureBlockIsTrainedOnAndProvenToTheBit) {
    // Each of the three channels: its mean, and its deviation as a logarithm.
    const Json job = learnWithBlock(
        "featured",
        std::string(kFeatureHead) +
            "  for (int c = 0; c < channels; ++c) {\n"
            "    float sum = 0.0f, squares = 0.0f;\n"
            "    for (int i = 0; i < length; ++i) { sum += window[i * channels + c]; }\n"
            "    float mean = sum / (float)length;\n"
            "    for (int i = 0; i < length; ++i) {\n"
            "      float away = window[i * channels + c] - mean;\n"
            "      squares += away * away;\n"
            "    }\n"
            "    out[2 * c] = mean;\n"
            "    out[2 * c + 1] = ts_log(ts_sqrt(squares / (float)length));\n"
            "  }\n}\n",
        6);
    ASSERT_EQ(stateOf(job), "succeeded") << job.dump(1) << house_->log("daemon");
    const Json shown = client_->request("model", {{"action", "show"}, {"model", "featured"}});
    EXPECT_NE(shown.dump().find("tinsmith_feature"), std::string::npos);
    EXPECT_GE(job.value(Json::json_pointer("/result/accuracy/test"), 0.0), 0.9) << job.dump(1);
    // The same weights in another recipe: the block is computed again for whoever needs it.
    const Json again = client_->runJob("requantize", {{"model", "featured"}}, 100000);
    EXPECT_EQ(stateOf(again), "succeeded") << again.dump(1);
}

TEST_F(Code, BlocksThatDoNotHoldAreRefusedInAFewWords) {
    struct Case {
        std::string model, body, words;
    };
    const std::vector<Case> cases = {
        {"f-compile", "  out[0] = windows[0];\n}\n", "line 2"},
        {"f-constant", "  out[0] = 1.0f;\n}\n", "every window the same"},
        {"f-unwritten", "  if (window[0] > 1e9f) { out[0] = 1.0f; }\n}\n", "did not write"},
        {"f-infinite", "  out[0] = window[0] / 0.0f;\n}\n", "out[0]"},
        {"f-wild", "  out[0] = window[length * channels * 9000000];\n}\n", "touched memory"},
    };
    for (const Case& each : cases) {
        const Json job = learnWithBlock(each.model, kFeatureHead + each.body, 1);
        EXPECT_EQ(stateOf(job), "failed") << each.model;
        const Json shown = showJob(*client_, job.value("job", ""));
        EXPECT_NE(shown.dump().find(each.words), std::string::npos) << each.model << shown.dump(1);
    }
    EXPECT_EQ(client_->request("health", Json::object()).value("status", ""), "ok");
}

// Three classes that overlap, in takes long enough that a rule over several windows tells them
// apart better than any network does from one.
std::string noisyBlobs() {
    constexpr const char* kKinds[] = {"blue", "green", "red"};
    std::mt19937 random(11);
    const auto unit = [&] { return static_cast<double>(random() % 10000) / 10000.0; };
    std::string csv = "kind,take,x,y,z\n";
    for (int take = 0; take < 24; ++take) {
        for (int row = 0; row < 12; ++row) {
            csv += std::string(kKinds[take % 3]) + "," + std::to_string(take);
            for (int axis = 0; axis < 3; ++axis)
                csv += "," + std::to_string((axis == take % 3 ? 1.0 : 0.0) + 2.5 * unit());
            csv += "\n";
        }
    }
    return csv;
}

// The rule is right and ends in time on the gateway, which computes its four chains side by side;
// on the microcontroller its loop takes longer than it may.
TEST(RefusedCode, CostsThePlanAndNotTheJob) {
    const std::string rule =
        "int tinsmith_decide(const float *scores, int classes, float *memory) {\n"
        "  float a = scores[0], b = scores[1], e = scores[2], d = 1.0f;\n"
        "  for (int i = 0; i < 2000000; ++i) {\n"
        "    a = a * 0.999f + 0.001f;\n"
        "    b = b * 0.998f + 0.002f;\n"
        "    e = e * 0.997f + 0.003f;\n"
        "    d = d * 0.996f + 0.004f;\n"
        "  }\n"
        "  memory[31] = a + b + d + e;\n"
        "  int best = 0;\n"
        "  for (int c = 0; c < classes; ++c) {\n"
        "    memory[c] = memory[c] + scores[c];\n"
        "    if (memory[c] > memory[best]) best = c;\n"
        "  }\n"
        "  return best;\n}\n";
    const Json plan = {{"version", 1},
                       {"reason", "What all windows so far say is more than what one says."},
                       {"features", {{{"block", "raw"}}}},
                       {"network", {{{"layer", "dense"}, {"units", 16}}}},
                       {"training", {{"epochs", 60}, {"batch_size", 16}}},
                       {"code", {{"decision", {{"source", rule}}}}}};
    ScriptedModel model;
    ASSERT_TRUE(
        model.open([&](int) { return std::pair(200, ScriptedModel::saying(plan.dump())); }));
    House::Options options;
    options.extraSettings = "[[llm]]\nurl = \"" + model.url() + "\"\nmodel = \"scripted\"\n";
    House house(options);
    const auto client = house.client();
    writeFile(house.dataDir() / "noisy.csv", noisyBlobs());
    client->runJob("dataset", importBlobs("noisy", "noisy.csv"), 30000);
    const Json request = {
        {"model", "hasty"}, {"dataset", "noisy"}, {"budget", {{"minutes", 0.2}, {"llm_calls", 1}}}};
    const Json job = client->runJob("regenerate", request, 200000);
    ASSERT_EQ(stateOf(job), "succeeded") << job.dump(1) << house.log("daemon");
    EXPECT_FALSE(job["result"]["plan"].contains("code")) << job["result"]["plan"].dump(1);
    EXPECT_EQ(job["result"]["images"].size(), 2U);
    const Json report = client->request("job", {{"action", "report"}, {"job", job["job"]}})
                            .value(Json::json_pointer("/data/report"), Json::object());
    int refused = 0;
    for (const Json& attempt : report["attempts"]) {
        if (attempt["verdict"] != "refused by the board") continue;
        ++refused;
        // The model's, or the search's variation of it.
        EXPECT_TRUE(attempt["plan"].contains("code")) << attempt.dump(1);
        EXPECT_NE(attempt["facts"].dump().find("ms are allowed"), std::string::npos)
            << attempt.dump(1);
    }
    EXPECT_EQ(refused, 1) << report["attempts"].dump(1);
    EXPECT_TRUE(told(showJob(*client, job["job"]), "refused", "ms are allowed"));

    const Json replay = client->runJob("job", {{"action", "replay"}, {"job", job["job"]}}, 200000);
    EXPECT_EQ(stateOf(replay), "succeeded") << replay.dump(1) << house.log("daemon");
    const Json steps = replay.value(Json::json_pointer("/result/steps"), Json::array());
    const auto preflights = std::ranges::count_if(steps, [](const Json& step) {
        return step.value("step", "") == "preflight" && step.value("same", false);
    });
    EXPECT_EQ(preflights, 2) << "the refusal and the proof came out as they did then: " << steps;
}

}  // namespace
}  // namespace tinsmith::e2e
