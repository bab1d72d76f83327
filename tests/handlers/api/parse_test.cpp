#include "handlers/api/parse.hpp"

#include <gtest/gtest.h>

namespace tinsmith {
namespace {

const Schemas& schemas() {
    static const Schemas loaded = [] {
        auto read = Schemas::load(TINSMITH_SOURCE_DIR "/config/schemas");
        if (!read) throw std::runtime_error(read.error().message);
        return std::move(*read);
    }();
    return loaded;
}

Result<Request> parse(std::string_view verb, std::string_view payload) {
    return parseRequest(verb, payload, schemas());
}

TEST(Parse, TheRequestOfTheDesign) {
    const auto request = parse("regenerate", R"({"id":"r-17","model":"fruit","dataset":"fruit",
        "board":"mps2-an386","task":"Tell apple, banana and orange apart","target":{"accuracy":0.95},
        "limits":{"flash_kb":256,"ram_kb":64,"latency_ms":20},
        "budget":{"minutes":10,"llm_calls":8,"llm_tokens":60000},
        "rollout":{"group":"kitchen","canary":1,"waves":[0.25,1.0],"soak_s":60,"deadline_s":600,"max_failures":1}})");
    ASSERT_TRUE(request) << request.error().message << " " << request.error().path;
    const auto& typed = std::get<RegenerateRequest>(*request);
    EXPECT_EQ(typed.id, "r-17");
    EXPECT_EQ(typed.target.accuracy, 0.95);
    EXPECT_EQ(typed.limits.latencyMs, 20);
    EXPECT_EQ(typed.budget.llmTokens, 60000);
    ASSERT_TRUE(typed.rollout);
    EXPECT_EQ(typed.rollout->group, "kitchen");
    EXPECT_EQ(*typed.rollout->waves, (std::vector<double>{0.25, 1.0}));
    EXPECT_FALSE(typed.dryRun);
    EXPECT_EQ(typed.seed, 1u);
}

TEST(Parse, EveryVerbAndAction) {
    const std::pair<const char*, const char*> good[] = {
        {"regenerate", R"({"id":"a","model":"m","dataset":"d"})"},
        {"regenerate",
         R"({"id":"a","api":1,"model":"m","dataset":"d","deadline":1800000000,"dry_run":true,"seed":7})"},
        {"retrain", R"({"id":"a","model":"m","version":3,"fresh":true})"},
        {"requantize", R"({"id":"a","model":"m","windows":100,"limits":{"flash_kb":80.5}})"},
        {"requantize",
         R"({"id":"a","model":"m","recipe":{"calibration":"percentile","percentile":99.5,"windows":64,"per_channel":false,"bias_correction":true,"fine_tune_epochs":3}})"},
        {"rollout", R"({"id":"a","action":"start","model":"m","group":"g","waves":[1]})"},
        {"rollout", R"({"id":"a","action":"abort","rollout":"r"})"},
        {"dataset",
         R"({"id":"d-1","action":"import","dataset":"fruit","path":"fruit","format":"csv","label":"column:Fruit","channels":["Red","Green","Blue"],"window":{"length":1},"split":"file"})"},
        {"dataset",
         R"({"id":"a","action":"record","dataset":"d","device":"d-1","label":"normal","seconds":30,"window":{"length":128},"channels":["x","y","z"],"rate_hz":400,"units":"g"})"},
        {"dataset", R"({"id":"a","action":"info","dataset":"d"})"},
        {"dataset", R"({"id":"a","action":"list"})"},
        {"dataset", R"({"id":"a","action":"label","dataset":"d","from":"a","to":"b"})"},
        {"dataset", R"({"id":"a","action":"drop","dataset":"d","label":"a"})"},
        {"model", R"({"id":"a","action":"list"})"},
        {"model", R"({"id":"a","action":"show","model":"m","version":1})"},
        {"device", R"({"id":"a","action":"list"})"},
        {"device", R"({"id":"a","action":"group","device":"d","groups":["g","h"]})"},
        {"device", R"({"id":"a","action":"remove","device":"d"})"},
        {"job", R"({"id":"a","action":"list","state":"failed","limit":3})"},
        {"job", R"({"id":"a","action":"show","job":"j-1"})"},
        {"job", R"({"id":"a","action":"cancel","job":"j-1"})"},
        {"health", R"({"id":"a"})"},
    };
    for (const auto& [verb, payload] : good) {
        const auto request = parse(verb, payload);
        EXPECT_TRUE(request) << payload << ": " << request.error().message << " "
                             << request.error().path << " " << request.error().hint;
    }
}

struct Refused {
    const char* verb;
    const char* payload;
    Code code;
    const char* path;
    const char* hint;  // a part of it
};

TEST(Parse, EveryRefusalNamesThePlaceAndTheRemedy) {
    const Refused cases[] = {
        {"health", "", Code::bad_json, "", "UTF-8"},
        {"health", "not json", Code::bad_json, "", "UTF-8"},
        {"health", R"({"id":"a"} x)", Code::bad_json, "", "UTF-8"},
        {"health", R"({"id":"a","api":1e999})", Code::bad_json, "", ""},
        {"health", "[]", Code::bad_json, "", "{\"id\""},
        {"health", "{\"id\":\"\xFF\"}", Code::bad_json, "", ""},
        {"health", R"({})", Code::schema, "/id", "add \"id\": type string"},
        {"health", R"({"id":7})", Code::schema, "/id", "type string"},
        {"health", R"({"id":"a b"})", Code::schema, "/id", "A-Z"},
        {"health", R"({"id":".."})", Code::schema, "/id", "letter"},
        {"health", R"({"id":"a","action":"list"})", Code::schema, "/action", "leave 'action' out"},
        {"health", R"({"id":"a","api":2})", Code::version, "/api", "1"},
        {"health", R"({"id":"a","deadline":"tomorrow"})", Code::schema, "/deadline", "RFC 3339"},
        {"reboot", R"({"id":"a"})", Code::unsupported, "", "regenerate"},
        {"job", R"({"id":"a"})", Code::schema, "/action",
         "cancel, list, replay, report, show, text"},
        {"job", R"({"id":"a","action":"explode"})", Code::schema, "/action",
         "cancel, list, replay, report, show, text"},
        {"job", R"({"id":"a","action":"list","state":"lost"})", Code::schema, "/state",
         "queued, running"},
        {"job", R"({"id":"a","action":"list","limit":0})", Code::schema, "/limit", "1 to "},
        {"job", R"({"id":"a","action":"show","job":"../x"})", Code::schema, "/job", "A-Z"},
        {"model", R"({"id":"a","action":"show"})", Code::schema, "/model", "A model"},
        {"regenerate", R"({"id":"a","model":"m","dataset":"d","limits":{"flash":1}})", Code::schema,
         "/limits/flash", "flash_kb, latency_ms, ram_kb"},
        {"regenerate", R"({"id":"a","model":"m","dataset":"d","limits":{"flash_kb":"big"}})",
         Code::schema, "/limits/flash_kb", "type number"},
        {"regenerate", R"({"id":"a","model":"m","dataset":"d","target":{"accuracy":1.5}})",
         Code::schema, "/target/accuracy", "at most 1"},
        {"regenerate", R"({"id":"a","model":"m","dataset":"d","target":{"accuracy":0}})",
         Code::schema, "/target/accuracy", "above 0"},
        {"regenerate", R"({"id":"a","model":"m","dataset":"d","rollout":{}})", Code::schema,
         "/rollout/group", "add \"group\""},
        {"regenerate",
         R"({"id":"a","model":"m","dataset":"d","rollout":{"group":"g","waves":[0.5,"x"]}})",
         Code::schema, "/rollout/waves/1", "type number"},
        {"regenerate",
         R"({"id":"a","model":"m","dataset":"d","rollout":{"group":"g","waves":[0.5,0.2,1]}})",
         Code::schema, "/rollout/waves", "0.25, 1.0"},
        {"regenerate",
         R"({"id":"a","model":"m","dataset":"d","rollout":{"group":"g","waves":[0.5]}})",
         Code::schema, "/rollout/waves", "1.0"},
        {"requantize", R"({"id":"a","model":"m","recipe":{"calibration":"entropy"}})", Code::schema,
         "/recipe/calibration", "min_max"},
        {"requantize", R"({"id":"a","model":"m","recipe":{"percentile":40}})", Code::schema,
         "/recipe/percentile", "50 to 100"},
        {"requantize", R"({"id":"a","model":"m","recipe":{"percentile":99}})", Code::schema,
         "/recipe/percentile", "calibration"},
        {"regenerate", R"({"id":"a","model":"m","dataset":"d","a/b~c":1})", Code::schema,
         "/a~1b~0c", "it may have"},
        {"dataset", R"({"id":"a","action":"import","dataset":"d","path":"x","format":"xls"})",
         Code::schema, "/format", "csv"},
        {"dataset",
         R"({"id":"a","action":"record","dataset":"d","device":"d","label":"a\u0007","seconds":1})",
         Code::schema, "/label", "control"},
        {"device", R"({"id":"a","action":"group","device":"d","groups":["ok","no no"]})",
         Code::schema, "/groups", "A-Z"},
    };
    for (const Refused& one : cases) {
        const auto request = parse(one.verb, one.payload);
        ASSERT_FALSE(request) << one.payload;
        EXPECT_EQ(codeName(request.error().code), codeName(one.code)) << one.payload;
        EXPECT_EQ(request.error().path, one.path) << one.payload << request.error().message;
        EXPECT_NE(request.error().hint.find(one.hint), std::string::npos)
            << one.payload << ": " << request.error().hint;
        EXPECT_FALSE(request.error().message.empty());
        EXPECT_FALSE(request.error().hint.empty()) << one.payload;
    }
}

TEST(Parse, AMegabyteIsRefusedBeforeItIsRead) {
    EXPECT_EQ(parse("health", std::string(1 << 20, '[')).error().code, Code::too_large);
    const auto nested = parseRequest("health", std::string(1 << 20, '['), schemas(), 2 << 20);
    EXPECT_EQ(nested.error().code, Code::bad_json);
    EXPECT_NE(nested.error().message.find("nests"), std::string::npos);
    // A long string must not exhaust the stack of anything that matches it.
    const std::string longId = R"({"id":")" + std::string(250'000, 'a') + "\"}";
    const auto refused = parse("health", longId);
    EXPECT_EQ(refused.error().code, Code::schema);
    EXPECT_LT(refused.error().message.size(), 200u);
}

TEST(Parse, TimesOfRfc3339) {
    EXPECT_EQ(parseTime("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parseTime("2026-01-31T07:30:00Z"), 1769844600000);
    EXPECT_EQ(parseTime("2026-01-31T09:30:00.25+02:00"), 1769844600250);
    EXPECT_EQ(parseTime("2024-02-29T00:00:00Z"), 1709164800000);
    for (const char* bad : {"", "2026", "2026-02-30T00:00:00Z", "2026-01-31T24:00:00Z",
                            "2026-01-31T07:30:00", "2026-01-31T07:30:00Zx", "2026-13-01T00:00:00Z",
                            "2026-01-31T07:30:00.Z", "2026-01-31T07:30:00+2:00"}) {
        EXPECT_EQ(parseTime(bad), std::nullopt) << bad;
    }
    const auto seconds = deadlineMs(Json{{"deadline", 1800000000.5}});
    ASSERT_TRUE(seconds);
    EXPECT_EQ(**seconds, 1800000000500);
    EXPECT_FALSE(deadlineMs(Json{{"deadline", -1}}));
}

TEST(Parse, WhatWasAcceptedIsReadBackByItsStory) {
    const auto request = typedRequest("retrain", Json{{"id", "a"}, {"model", "m"}, {"version", 2}});
    ASSERT_TRUE(request);
    EXPECT_EQ(std::get<RetrainRequest>(*request).version, 2);
    EXPECT_EQ(typedRequest("retrain", Json{{"id", 1}}).error().code, Code::schema);
    EXPECT_EQ(typedRequest("nothing", Json::object()).error().code, Code::unsupported);
}

TEST(Schemas, AMissingFolderIsReported) {
    const auto loaded = Schemas::load("/nonexistent");
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().message.find("regenerate.json"), std::string::npos);
}

}  // namespace
}  // namespace tinsmith
