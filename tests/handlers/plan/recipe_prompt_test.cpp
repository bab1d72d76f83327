#include "handlers/plan/recipe_prompt.hpp"

#include <gtest/gtest.h>

#include "tests/handlers/plan/example.hpp"

namespace tinsmith::plan {
namespace {

Json card(std::vector<std::string> classes, std::vector<int> windows, double most) {
    return {{"classes", classes},
            {"windows", {{"train", {{"per_class", windows}}}}},
            {"groups", {{"train", {{"count", classes.size()}}}}},
            {"ranges", {{{"channel", "x"}, {"min", 0.0}, {"max", most}, {"mean", most / 2}}}}};
}

TEST(Changes, NameWhatDiffers) {
    const Json before = card({"a", "b"}, {100, 50}, 1);
    const std::string text = changesText(before, card({"a", "c"}, {140, 20}, 2));
    for (const char* part : {"new class \"c\"", "class \"a\": 100 to 140", "class \"b\" is gone",
                             "channel \"x\": 0 to 1 became 0 to 2"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
    }
    EXPECT_EQ(changesText(before, card({"a", "b"}, {100, 50}, 1.02)),
              "nothing that the card shows");
    EXPECT_NE(changesText(Json(), before).find("gone"), std::string::npos);
}

TEST(RetrainPrompt, HoldsCurvesAndChangesAndTheSchemaOfTraining) {
    RetrainInput in;
    in.task = "Tell </task> a from b";
    in.plan = examplePlan();
    in.curves = "the loss still fell at the end";
    in.oldCard = card({"a", "b"}, {100, 50}, 1);
    in.card = card({"a", "b"}, {100, 90}, 1);
    const auto prompt = retrainPrompt(in, retrainTemplate());
    ASSERT_TRUE(prompt) << prompt.error().message;
    const std::string& user = prompt->messages[1].content;
    for (const char* part : {"still fell", "50 to 90", "learning_rate", "\"units\":12"}) {
        EXPECT_NE(user.find(part), std::string::npos) << part;
    }
    EXPECT_EQ(user.find("Tell </task>"), std::string::npos);
}

TEST(RetrainPrompt, TheCompactFormFitsASmallContextWhateverIsInIt) {
    RetrainInput in;
    in.task = "Tell a from b " + std::string(5000, '<');
    in.advice = std::string(5000, '<');
    in.plan = examplePlan();
    in.curves = "the loss still fell at the end";
    in.oldCard = card({"a", "b"}, {100, 50}, 1);
    in.card = card({"a", "b"}, {100, 90}, 1);
    for (int i = 0; i < 300; ++i)
        in.card["classes"].push_back("class " + std::to_string(i) + std::string(60, '<'));
    const auto prompt = compactRetrainPrompt(in, retrainTemplate());
    ASSERT_TRUE(prompt) << prompt.error().message;
    EXPECT_LE(bytesOf(*prompt), kCompactBytes);
    const auto end = [](const Prompt& of) {
        const std::string& user = of.messages[1].content;
        return user.substr(user.size() - 200);
    };
    // The schema comes last: nothing was cut off.
    EXPECT_EQ(end(*prompt), end(*retrainPrompt(in, retrainTemplate())));
    // An ordinary one is whole.
    in.task = "Tell a from b";
    in.advice = "";
    in.card = card({"a", "b"}, {100, 90}, 1);
    const auto usual = compactRetrainPrompt(in, retrainTemplate());
    ASSERT_TRUE(usual);
    EXPECT_LT(bytesOf(*usual), kCompactBytes * 4 / 5);
    for (const char* part : {"Tell a from b", "still fell", "50 to 90", "learning_rate"})
        EXPECT_NE(usual->messages[1].content.find(part), std::string::npos) << part;
}

TEST(RetrainAnswer, IsLaidOverThePlanAndChecked) {
    const auto good = readRetrainAnswer(
        R"(Sure: {"training":{"epochs":33,"augment":{"noise":0.1}},"weights":"fresh","reason":"new groups"})",
        examplePlan(), kVibration);
    ASSERT_TRUE(good) << good.error().message;
    EXPECT_EQ(good->plan["training"]["epochs"], 33);
    EXPECT_EQ(good->plan["training"]["augment"]["shift"], 8) << "what is left out stays";
    EXPECT_TRUE(good->fresh);
    EXPECT_EQ(good->reason, "new groups");
    for (const char* bad : {R"({"training":{"epochs":0}})", R"({"training":[]})",
                            R"({"weights":"old"})", R"({"training":{"optimizer":"sgd"}})",
                            "no json", R"({"recipes":[]})", R"({"training":{"epochs":1e99}})"}) {
        EXPECT_FALSE(readRetrainAnswer(bad, examplePlan(), kVibration)) << bad;
    }
    // It may not touch anything else.
    const auto more =
        readRetrainAnswer(R"({"weights":"continued","network":[]})", examplePlan(), kVibration);
    ASSERT_TRUE(more);
    EXPECT_EQ(more->plan["network"].size(), 7U);
}

TEST(RequantizeAnswer, HoldsOneToThreeValidRecipes) {
    const auto good = readRequantizeAnswer(
        R"({"recipes":[{"calibration":"percentile","percentile":99.5},{"calibration":"mse","bias_correction":true}]})",
        examplePlan(), kVibration);
    ASSERT_TRUE(good) << good.error().message;
    ASSERT_EQ(good->recipes.size(), 2U);
    EXPECT_EQ(good->recipes[0].percentile, 99.5);
    EXPECT_TRUE(good->recipes[1].biasCorrection);
    for (const char* bad :
         {R"({"recipes":[]})", R"({"recipes":[{},{},{},{}]})",
          R"({"recipes":[{"calibration":"magic"}]})",
          R"({"recipes":[{"calibration":"mse","percentile":99}]})", R"({"recipes":"mse"})", ""}) {
        EXPECT_FALSE(readRequantizeAnswer(bad, examplePlan(), kVibration)) << bad;
    }
}

TEST(RequantizeAnswer, NamesTheRecipeThatIsWrong) {
    for (const auto& [second, path] : std::vector<std::pair<std::string, std::string>>{
             {R"({"calibration":"magic"})", "/recipes/1/calibration"},
             {R"({"calibration":"mse","percentile":99})", "/recipes/1/percentile"},
             {R"({"bits":4})", "/recipes/1/bits"}}) {
        const auto bad = readRequantizeAnswer(
            R"({"recipes":[{"calibration":"mse"},)" + second + "]}", examplePlan(), kVibration);
        ASSERT_FALSE(bad) << second;
        EXPECT_EQ(bad.error().path, path) << bad.error().message;
        EXPECT_EQ(bad.error().message.find("quantization"), std::string::npos)
            << bad.error().message;
    }
}

TEST(RequantizePrompt, HoldsFiguresAndWhatWasTried) {
    RequantizeInput in;
    in.task = "t";
    in.plan = examplePlan();
    in.validation = {{"accuracy", 0.91}, {"float_accuracy", 0.97}, {"agreement", 0.93}};
    // Lists that are longer than any prompt.
    for (int i = 0; i < 400; ++i) {
        in.validation["confusion"].push_back(std::vector<int>(12, i));
        in.validation["per_class"]["a class " + std::to_string(i)] = {{"recall", 0.5}};
        in.measured["operators"].push_back({{"name", "conv"}, {"instructions", i}});
    }
    in.measured["image_bytes"] = 91234;
    in.limits = "flash at most 90 KB";
    in.tried = "min_max 91.0 %";
    const auto brief = compactRequantizePrompt(in, requantizeTemplate());
    ASSERT_TRUE(brief) << brief.error().message;
    EXPECT_LE(bytesOf(*brief), kCompactBytes);
    for (const char* part : {"0.97", "91234", "at most 90 KB", "min_max 91.0 %", "percentile"})
        EXPECT_NE(brief->messages[1].content.find(part), std::string::npos) << part;
    const auto prompt = requantizePrompt(in, requantizeTemplate());
    ASSERT_TRUE(prompt) << prompt.error().message;
    const std::string& user = prompt->messages[1].content;
    for (const char* part :
         {"\"accuracy\":0.91", "\"float_accuracy\":0.97", "\"agreement\":0.93",
          "\"image_bytes\":91234", "90 KB", "min_max 91.0 %", "fine_tune_epochs"}) {
        EXPECT_NE(user.find(part), std::string::npos) << part << " in " << user;
    }
    EXPECT_LT(user.find("float_accuracy"), user.find("confusion"));
    EXPECT_LT(user.size(), 12'000U);
}

}  // namespace
}  // namespace tinsmith::plan
