#include "handlers/plan/reply.hpp"

#include <gtest/gtest.h>

#include "handlers/plan/plan.hpp"
#include "tests/handlers/plan/example.hpp"

namespace tinsmith::plan {
namespace {

TEST(Reply, FindsThePlanInFreeText) {
    const std::string plan = examplePlan().dump(1);
    for (const std::string& text :
         {plan, "Here it is:\n```json\n" + plan + "\n```\nGood luck {really}!",
          "{x} and {\"a\":1} then " + plan, "<think>{\"network\":[\"draft\"]}</think>" + plan,
          "a { brace, then " + plan + " and } more {", "\xef\xbb\xbf" + plan}) {
        const auto reply = readReply(text);
        ASSERT_TRUE(reply) << text.substr(0, 60) << reply.error().message;
        EXPECT_EQ(reply->kind, Reply::Kind::plan);
        EXPECT_EQ(reply->json, examplePlan()) << text.substr(0, 60);
    }
}

TEST(Reply, KnowsEditsAndLooks) {
    const auto edit =
        readReply(R"(I suggest {"edit":{"/training/epochs":80},"of":2,"reason":"more"})");
    ASSERT_TRUE(edit) << edit.error().message;
    EXPECT_EQ(edit->kind, Reply::Kind::edit);
    EXPECT_EQ(edit->of, 2);
    EXPECT_EQ(edit->reason, "more");
    const auto best = readReply(R"({"edit":{"training":{"epochs":80}},"of":"best"})");
    ASSERT_TRUE(best);
    EXPECT_EQ(best->of, 0);
    const auto look = readReply(R"({"look":"compare","classes":["a","b"],"reason":"why"})");
    ASSERT_TRUE(look);
    EXPECT_EQ(look->kind, Reply::Kind::look);
    EXPECT_EQ(look->json, Json::parse(R"({"look":"compare","classes":["a","b"]})"));
    for (const char* bad : {R"({"edit":[]})", R"({"edit":{}})", R"({"edit":{"a":1},"of":0})",
                            R"({"edit":{"a":1},"of":"worst"})", R"({"edit":{"a":1},"of":-3})"}) {
        EXPECT_EQ(readReply(bad).error().code, Code::schema) << bad;
    }
    EXPECT_GT(readReply(R"({"edit":{"a":1},"of":99999999999999})")->of, 1000);
    EXPECT_LE(
        readReply(R"({"edit":{"a":1},"reason":")" + std::string(9000, 'x') + "\"}")->reason.size(),
        kMaxReason);
}

TEST(Reply, PassesOverCommentsAndTrailingCommas) {
    for (const char* text : {
             "{\"network\":[1, // ten } \"points\n 2]}",
             "{\"network\":[1, /* { \" */ 2,\n ],}",
             "// plan:\n{\"network\":[1,2] // the end\n}",
             "see http://a.b/{x} {\"network\":[1,2,/* none */]}",
         }) {
        const auto reply = readReply(text);
        ASSERT_TRUE(reply) << text << reply.error().message;
        EXPECT_EQ(reply->json, Json::parse(R"({"network":[1,2]})")) << text;
    }
    const auto strings = readReply(R"({"network":["a//b","/*",",]","\\",",}"]})");
    ASSERT_TRUE(strings) << strings.error().message;
    EXPECT_EQ(strings->json["network"], Json::parse(R"(["a//b","/*",",]","\\",",}"])"));
    for (const char* text : {"{\"network\":[1,,2]}", "{\"network\":[1] /* open }",
                             "{\"network\":[{\"layer\":\"flatten\"} {\"layer\":\"flatten\"}]}"}) {
        const auto reply = readReply(text);
        ASSERT_FALSE(reply) << text << reply->json;
        EXPECT_EQ(reply.error().code, Code::bad_json) << "the answer's fault, not an inner object";
    }
}

TEST(Reply, TakesAnAttemptsNumberAsText) {
    struct Case {
        const char* of;
        int attempt;  // 0: refused
    };
    for (const Case& c : {Case{"\"8\"", 8}, Case{"8", 8}, Case{"\"8th\"", 0}, Case{"\"\"", 0},
                          Case{"\"-1\"", 0}, Case{"\"0\"", 0}, Case{"8.5", 0}}) {
        const auto reply =
            readReply(R"({"edit":{"/training/epochs":80},"of":)" + std::string(c.of) + "}");
        EXPECT_EQ(reply ? reply->of : 0, c.attempt) << c.of;
        EXPECT_EQ(reply.has_value(), c.attempt > 0) << c.of;
    }
}

TEST(Reply, SaysWhyNothingWasFound) {
    EXPECT_EQ(readReply("").error().code, Code::bad_json);
    EXPECT_EQ(readReply("I cannot do that.").error().code, Code::bad_json);
    EXPECT_EQ(readReply("{\"network\":[1 2]}").error().code, Code::bad_json);
    EXPECT_EQ(readReply(std::string(70'000, 'x')).error().code, Code::too_large);
    EXPECT_EQ(readReply(std::string(60'000, '{')).error().code, Code::bad_json);
    EXPECT_EQ(readReply("{\"a\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}")
                  .error()
                  .code,
              Code::bad_json);
    const auto other = readReply("{\"plan\":\"none\"}");
    ASSERT_TRUE(other);  // parsePlan says what is wrong with it
    EXPECT_FALSE(parsePlan(other->json, kVibration));
}

TEST(Edit, PointersAndMergePatches) {
    struct Case {
        const char* edit;
        const char* place;  // in the edited plan
        Json value;         // null = it is gone
    };
    const Case cases[] = {
        {R"({"/network/0/filters":24})", "/network/0/filters", 24},
        {R"({"/training/augment/noise":0.1,"/training/epochs":9})", "/training/epochs", 9},
        {R"({"training":{"epochs":9}})", "/training/epochs", 9},
        {R"({"training":{"epochs":9}})", "/training/batch_size", 32},
        {R"({"network":[{"layer":"flatten"}]})", "/network",
         Json::parse(R"([{"layer":"flatten"}])")},
        {R"({"/quantization":null})", "/quantization", Json()},
        {R"({"/network/4":null})", "/network/4/layer", "flatten"},
        {R"({"/quantization":{"calibration":"mse"}})", "/quantization/calibration", "mse"},
        // All places mean the plan as it was, whatever is taken out before them.
        {R"({"/network/3":null,"/network/4":null})", "/network/3/layer", "flatten"},
        {R"({"/network/0":null,"/network/2/filters":24})", "/network/1/filters", 24},
    };
    for (const Case& c : cases) {
        const auto plan = edited(examplePlan(), Json::parse(c.edit));
        ASSERT_TRUE(plan) << c.edit << plan.error().message;
        const Json::json_pointer place(c.place);
        EXPECT_EQ(plan->contains(place) ? plan->at(place) : Json(), c.value) << c.edit;
    }
}

TEST(Edit, RefusesPlacesThatAreNotThere) {
    for (const char* edit :
         {R"({"/network/99/filters":24})", R"({"/network/7":{"layer":"flatten"}})",
          R"({"/network/-":{"layer":"flatten"}})", R"({"/a/b":1})", R"({"/network/x":1})",
          R"({"/~":1})", R"({"/reason/x":1})", R"({"/network/01":null})",
          R"({"/network/99999999999999999999":1})"}) {
        const auto plan = edited(examplePlan(), Json::parse(edit));
        ASSERT_FALSE(plan) << edit << plan->dump();
        EXPECT_EQ(plan.error().code, Code::schema) << edit;
        EXPECT_NE(plan.error().hint, "") << edit;
    }
}

}  // namespace
}  // namespace tinsmith::plan
