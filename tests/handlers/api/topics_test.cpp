#include "handlers/api/topics.hpp"

#include <gtest/gtest.h>

#include "handlers/api/names.hpp"
#include "handlers/api/replies.hpp"

namespace tinsmith {
namespace {

const Topics kTopics("tinsmith/gw");

TEST(Topics, EveryTopicThatIsBuiltIsParsedBack) {
    using Kind = Topic::Kind;
    const struct {
        std::string topic;
        Kind kind;
        std::string name, rest;
    } cases[] = {
        {kTopics.state(), Kind::state, "", ""},
        {kTopics.info(), Kind::info, "", ""},
        {kTopics.health(), Kind::health, "", ""},
        {kTopics.request("ada", "regenerate"), Kind::request, "ada", "regenerate"},
        {kTopics.response("ada", "x/y"), Kind::response, "ada", "x/y"},
        {kTopics.job("j-1"), Kind::job, "j-1", ""},
        {kTopics.jobLog("j-1"), Kind::jobLog, "j-1", ""},
        {kTopics.model("fruit"), Kind::model, "fruit", ""},
        {kTopics.rollout("r-1"), Kind::rollout, "r-1", ""},
        {kTopics.device("d-1", "hello"), Kind::device, "d-1", "hello"},
        {kTopics.block("ab01", 17), Kind::block, "ab01", "17"},
    };
    for (const auto& one : cases) {
        const Topic topic = kTopics.parse(one.topic);
        EXPECT_EQ(topic.kind, one.kind) << one.topic;
        EXPECT_EQ(topic.name, one.name) << one.topic;
        EXPECT_EQ(topic.rest, one.rest) << one.topic;
    }
}

TEST(Topics, ForeignAndMalformedOnesAreUnknown) {
    for (const std::string topic :
         {"", "tinsmith/gw", "tinsmith/gw/", "tinsmith/other/state", "tinsmith/gwx/state",
          "tinsmith/gw/state/x", "tinsmith/gw/request/ada", "tinsmith/gw/request//regenerate",
          "tinsmith/gw/request/ada/a/b", "tinsmith/gw/request/../regenerate",
          "tinsmith/gw/device/a b/hello", "tinsmith/gw/job/j-1/log/x"}) {
        EXPECT_EQ(kTopics.parse(topic).kind, Topic::Kind::unknown) << topic;
    }
    EXPECT_EQ(kTopics.parse("tinsmith/gw/job/" + std::string(5000, 'x')).kind,
              Topic::Kind::unknown);
}

TEST(Topics, RepliesStayBelowTheAskersOwn) {
    EXPECT_TRUE(kTopics.mayAnswerOn("ada", "tinsmith/gw/response/ada/a/b"));
    for (const std::string topic :
         {"", "tinsmith/gw/response/ada", "tinsmith/gw/response/ada/", "tinsmith/gw/response/bob/x",
          "tinsmith/gw/response/adam/x", "tinsmith/gw/response/ada/+", "tinsmith/gw/response/ada/#",
          "tinsmith/gw/device/d-1/command", "tinsmith/gw/state"}) {
        EXPECT_FALSE(kTopics.mayAnswerOn("ada", topic)) << topic;
    }
}

TEST(Names, OnlyWhatIsSafeAsTopicKeyAndFile) {
    for (const char* good : {"a", "r-17", "A.b_c-9", "1"}) EXPECT_TRUE(isId(good)) << good;
    for (const std::string bad : {"", ".", "..", "-", "a/b", "a b", "a+", "#", "ä", "$SYS"}) {
        EXPECT_FALSE(isId(bad)) << bad;
    }
    EXPECT_TRUE(isId(std::string(64, 'x')));
    EXPECT_FALSE(isId(std::string(65, 'x')));
}

TEST(Names, LabelsAreTextOfPeople) {
    EXPECT_TRUE(isLabel("Lager kaputt"));
    EXPECT_TRUE(isLabel("苹果"));
    EXPECT_FALSE(isLabel("a\nb"));
    EXPECT_FALSE(isLabel("\xC0\xAF"));      // overlong
    EXPECT_FALSE(isLabel("\xED\xA0\x80"));  // surrogate
    EXPECT_FALSE(isLabel("cut \xE8\x8B"));
    EXPECT_FALSE(isLabel(std::string(65, 'x')));
}

TEST(Replies, HaveOneShape) {
    EXPECT_EQ(canonical(acceptedReply("r-1", "j-1")),
              R"({"id":"r-1","job":"j-1","status":"accepted"})");
    EXPECT_EQ(canonical(okReply("r-1", Json::object())), R"({"data":{},"id":"r-1","status":"ok"})");
    const Json error = errorReply(std::nullopt, {Code::schema, "m", "h", "/a"});
    EXPECT_TRUE(error["id"].is_null());
    EXPECT_EQ(error["status"], "error");
    EXPECT_EQ(error["error"],
              (Json{{"code", "schema"}, {"message", "m"}, {"hint", "h"}, {"path", "/a"}}));
}

TEST(Replies, AKeyIdIsTheDigestOfItsDerForm) {
    // RFC 8032 test 1's public key; SHA-256 of its SubjectPublicKeyInfo by python3-cryptography.
    const std::array<std::uint8_t, 32> key = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
                                              0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
                                              0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
                                              0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
    EXPECT_EQ(keyId(key), "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9");
}

}  // namespace
}  // namespace tinsmith
