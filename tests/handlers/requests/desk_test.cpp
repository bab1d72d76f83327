// Every refusal of a request, and who may ask for what and hear the answer where.
#include "tests/handlers/requests/desk_fixture.hpp"

namespace tinsmith::testing {
namespace {

struct Refusal {
    const char* asker;
    const char* verb;
    std::string payload;
    const char* code;
    const char* path;
};

TEST_F(DeskTest, EveryBadRequestIsRefusedWithCodePathAndRemedy) {
    const Refusal cases[] = {
        {"ada", "health", "", "bad_json", ""},
        {"ada", "health", "\x01\x02\x03", "bad_json", ""},
        {"ada", "health", "{", "bad_json", ""},
        {"ada", "health", "7", "bad_json", ""},
        {"ada", "health", std::string(200'000, '['), "bad_json", ""},
        {"ada", "health", std::string(1 << 20, '['), "too_large", ""},
        {"ada", "health", R"({"id":"a","colour":"red"})", "schema", "/colour"},
        {"ada", "health", R"({})", "schema", "/id"},
        {"ada", "health", R"({"id":"a","api":9})", "version", "/api"},
        {"ada", "reboot", R"({"id":"a"})", "unsupported", ""},
        {"ada", "job", R"({"id":"a","action":"explode"})", "schema", "/action"},
        {"ada", "regenerate", R"({"id":"a","model":"m","dataset":"fruit","limits":{"flash":1}})",
         "schema", "/limits/flash"},
        {"ada", "regenerate", R"({"id":"a","model":"m","dataset":"nuts"})", "unknown_dataset",
         "/dataset"},
        {"ada", "regenerate", R"({"id":"a","model":"m","dataset":"fruit","board":"toaster"})",
         "unknown_board", "/board"},
        {"ada", "regenerate", R"({"id":"a","model":"m","dataset":"fruit","board":".."})", "schema",
         "/board"},
        {"ada", "retrain", R"({"id":"a","model":"x"})", "unknown_model", "/model"},
        {"ada", "retrain", R"({"id":"a","model":"m","version":9})", "unknown_version", "/version"},
        {"ada", "retrain", R"({"id":"a","model":"m","dataset":"nuts"})", "unknown_dataset",
         "/dataset"},
        {"ada", "requantize", R"({"id":"a","model":"x"})", "unknown_model", "/model"},
        {"ada", "rollout", R"({"id":"a","action":"start","model":"x","group":"g"})",
         "unknown_model", "/model"},
        {"ada", "rollout", R"({"id":"a","action":"abort","rollout":"r-9"})", "unknown_rollout",
         nullptr},
        {"ada", "dataset", R"({"id":"a","action":"import","dataset":"d","path":"../etc"})",
         "bad_path", "/path"},
        {"ada", "dataset", R"({"id":"a","action":"import","dataset":"d","path":"/etc/passwd"})",
         "bad_path", "/path"},
        {"ada", "dataset", R"({"id":"a","action":"import","dataset":"d","path":"x/../../y"})",
         "bad_path", "/path"},
        {"ada", "dataset",
         R"({"id":"a","action":"import","dataset":"d","path":"x","format":"mp3"})", "schema",
         "/format"},
        {"ada", "dataset", R"({"id":"a","action":"info","dataset":"nuts"})", "unknown_dataset",
         "/dataset"},
        {"ada", "dataset", R"({"id":"a","action":"drop","dataset":"nuts"})", "unknown_dataset",
         "/dataset"},
        {"ada", "dataset", R"({"id":"a","action":"label","dataset":"nuts","from":"a","to":"b"})",
         "unknown_dataset", "/dataset"},
        {"ada", "dataset",
         R"({"id":"a","action":"record","dataset":"d","device":"x","label":"l","seconds":1})",
         "unknown_device", nullptr},
        {"ada", "model", R"({"id":"a","action":"show","model":"x"})", "unknown_model", "/model"},
        {"ada", "model", R"({"id":"a","action":"import","model":"k"})", "schema", "/path"},
        {"ada", "model", R"({"id":"a","action":"import","model":"k","path":"../k.tflite"})",
         "bad_path", "/path"},
        {"ada", "model", R"({"id":"a","action":"import","model":"k","path":"/k.tflite"})",
         "bad_path", "/path"},
        {"ada", "model",
         R"({"id":"a","action":"import","model":"k","path":"k.tflite","board":"toaster"})",
         "unknown_board", "/board"},
        {"ada", "model",
         R"({"id":"a","action":"import","model":"k","path":"k.tflite","labels":["x","x"]})",
         "schema", "/labels"},
        {"ada", "model",
         R"({"id":"a","action":"import","model":"k","path":"k.tflite","labels":["\u0007"]})",
         "schema", "/labels"},
        {"ada", "retrain", R"({"id":"a","model":"other"})", "unsupported", "/version"},
        {"ada", "requantize", R"({"id":"a","model":"other","version":1})", "unsupported",
         "/version"},
        {"ada", "device", R"({"id":"a","action":"remove","device":"x"})", "unknown_device",
         nullptr},
        {"ada", "device", R"({"id":"a","action":"group","device":"x","groups":[]})",
         "unknown_device", nullptr},
        {"ada", "job", R"({"id":"a","action":"show","job":"j-9"})", "unknown_job", "/job"},
        {"ada", "job", R"({"id":"a","action":"cancel","job":"j-9"})", "unknown_job", "/job"},
        {"ada", "health", R"({"id":"a","deadline":1000})", "expired", "/deadline"},
        {"ada", "health", R"({"id":"a","deadline":"2001-01-01T00:00:00Z"})", "expired",
         "/deadline"},
        {"bob", "dataset", R"({"id":"a","action":"drop","dataset":"fruit"})", "forbidden", nullptr},
        {"bob", "model", R"({"id":"a","action":"list"})", "forbidden", nullptr},
        {"bob", "model", R"({"id":"a","action":"import","model":"k","path":"k.tflite"})",
         "forbidden", nullptr},
        {"bob", "regenerate", R"({"id":"a","model":"m","dataset":"fruit","rollout":{"group":"g"}})",
         "forbidden", nullptr},
        {"eve", "health", R"({"id":"a"})", "forbidden", nullptr},
    };
    const auto records = world.journal.records;
    for (const Refusal& one : cases) {
        const Json reply = ask(one.asker, one.verb, one.payload);
        EXPECT_EQ(reply.value("status", ""), "error") << one.payload.substr(0, 100);
        EXPECT_EQ(codeOf(reply), one.code) << one.payload.substr(0, 100) << reply.dump();
        if (one.path != nullptr) {
            EXPECT_EQ(reply["error"].value("path", ""), one.path) << reply.dump();
        }
        EXPECT_FALSE(reply["error"].value("message", "").empty());
        EXPECT_FALSE(reply["error"].value("hint", "").empty()) << reply.dump();
        EXPECT_LT(reply.dump().size(), 2000u);
        EXPECT_EQ(lastTopic, std::string("tinsmith/gw/response/") + one.asker + "/" + one.verb);
    }
    EXPECT_EQ(world.journal.records, records) << "a refusal left something behind";
    EXPECT_EQ(jobs->unfinished(), 0u);
    EXPECT_EQ(desk->health()["requests"]["errors"].value("forbidden", 0), 5);
}

TEST_F(DeskTest, TheIdIsEchoedWhereThereIsOne) {
    EXPECT_TRUE(ask("ada", "health", "{").at("id").is_null());
    EXPECT_TRUE(ask("ada", "health", R"({"id":"no name"})").at("id").is_null());
    EXPECT_EQ(ask("ada", "health", R"({"id":"h-1","x":1})").at("id"), "h-1");
    EXPECT_EQ(ask("ada", "health", R"({"id":"h-2"})").at("status"), "ok");
}

TEST_F(DeskTest, ReplyTopicsStayWithTheAskerAndCorrelationIsEchoed) {
    Message message = request("ada", "health", R"({"id":"a"})");
    message.correlation = std::string("\x00\x01z", 3);
    message.responseTopic = "tinsmith/gw/response/ada/here/42";
    (void)ask(message);
    EXPECT_EQ(lastTopic, "tinsmith/gw/response/ada/here/42");
    EXPECT_EQ(lastCorrelation, message.correlation);
    for (const char* foreign :
         {"tinsmith/gw/response/bob/x", "tinsmith/gw/device/d-1/command", "other/topic",
          "tinsmith/gw/response/ada/#", "tinsmith/gw/response/ada/"}) {
        message.responseTopic = foreign;
        (void)ask(message);
        EXPECT_EQ(lastTopic, "tinsmith/gw/response/ada/health") << foreign;
    }
}

TEST_F(DeskTest, OneAskersIdIsNotAnothers) {
    const Json first = ask("ada", "regenerate", R"({"id":"r-1","model":"m","dataset":"fruit"})");
    const Json other = ask("bob", "regenerate", R"({"id":"r-1","model":"m","dataset":"fruit"})");
    EXPECT_EQ(first.at("status"), "accepted");
    EXPECT_EQ(other.at("status"), "accepted");
    EXPECT_NE(first.at("job"), other.at("job"));
}

TEST_F(DeskTest, ARightToOneActionIsNoRightToTheOthers) {
    EXPECT_EQ(ask("bob", "dataset", R"({"id":"a","action":"list"})").at("status"), "ok");
    EXPECT_EQ(codeOf(ask("bob", "dataset", R"({"id":"b","action":"info","dataset":"fruit"})")),
              "forbidden");
    EXPECT_EQ(codeOf(ask("bob", "dataset", R"({"id":"b"})")), "schema");
}

TEST_F(DeskTest, ModelsSayWhereTheyComeFromAndAnImportIsAJob) {
    const Json list = ask("ada", "model", R"({"id":"a","action":"list"})");
    ASSERT_EQ(list["data"]["models"].size(), 2U) << list.dump();
    EXPECT_EQ(list["data"]["models"][1]["origin"], "imported");
    EXPECT_EQ(list["data"]["models"][0]["origin"], "trained");
    const Json show = ask("ada", "model", R"({"id":"b","action":"show","model":"other"})");
    EXPECT_EQ(show["data"]["version"]["origin"]["kind"], "imported");
    EXPECT_EQ(show["data"]["versions"][0]["origin"], "imported");
    const Json import =
        ask("ada", "model",
            R"({"id":"c","action":"import","model":"k","path":"k.tflite","labels":["a","b"]})");
    EXPECT_EQ(import.value("status", ""), "accepted") << import.dump();
    EXPECT_EQ(begun.size(), 1U);
}

TEST_F(DeskTest, RetainedRequestsAreNeverRun) {
    Message message = request("ada", "regenerate", R"({"id":"r-1","model":"m","dataset":"fruit"})");
    message.retained = true;
    EXPECT_EQ(codeOf(ask(message)), "retained");
    EXPECT_EQ(count("job"), 0u);
    EXPECT_EQ(desk->health()["requests"]["retained"], 1);
    message.payload.clear();
    EXPECT_TRUE(askAll({message}).empty());
}

TEST_F(DeskTest, ForeignTopicsAreCountedAndIgnored) {
    Message message;
    for (const char* topic :
         {"tinsmith/gw/request/ada", "tinsmith/gw/request/a b/health", "x", ""}) {
        message.topic = topic;
        EXPECT_TRUE(askAll({message}).empty());
    }
    EXPECT_EQ(desk->health()["stray_messages"], 4);
}

TEST_F(DeskTest, TooManyRequestsAMinuteAreBusy) {
    world.settings.requestsPerMinute = 10;
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(ask("ada", "health", R"({"id":"a"})").at("status"), "ok");
    EXPECT_EQ(codeOf(ask("ada", "health", R"({"id":"a"})")), "busy");
    EXPECT_EQ(ask("bob", "job", R"({"id":"a","action":"list"})").at("status"), "ok")
        << "another asker's limit";
    world.clock.advance(6'000);
    EXPECT_EQ(ask("ada", "health", R"({"id":"a"})").at("status"), "ok");
    EXPECT_EQ(codeOf(ask("ada", "health", R"({"id":"a"})")), "busy");
}

TEST_F(DeskTest, TooManyJobsAreBusyAndNotRemembered) {
    world.settings.queuedJobs = 2;
    std::vector<Message> messages;
    for (int i = 0; i < 3; ++i) {
        messages.push_back(
            request("ada", "regenerate",
                    R"({"id":"r-)" + std::to_string(i) + R"(","model":"m","dataset":"fruit"})"));
    }
    const auto replies = askAll(messages);
    ASSERT_EQ(replies.size(), 3u);
    EXPECT_EQ(replies[1].at("status"), "accepted");
    EXPECT_EQ(codeOf(replies[2]), "busy");
    finish();
    EXPECT_EQ(ask(messages[2]).at("status"), "accepted");
}

TEST_F(DeskTest, ShortVerbsAnswerAtOnce) {
    const Json accepted = ask("ada", "regenerate", R"({"id":"r-1","model":"m","dataset":"fruit"})");
    const std::string job = accepted.at("job");
    const Json jobList = ask("ada", "job", R"({"id":"1","action":"list"})");
    ASSERT_EQ(jobList["data"]["jobs"].size(), 1u);
    EXPECT_EQ(jobList["data"]["jobs"][0]["job"], job);
    EXPECT_EQ(
        ask("ada", "job", R"({"id":"2","action":"list","state":"failed"})")["data"]["jobs"].size(),
        0u);
    const Json shown = ask("ada", "job", R"({"id":"3","action":"show","job":")" + job + "\"}");
    EXPECT_EQ(shown["data"]["verb"], "regenerate");
    EXPECT_EQ(shown["data"]["request"]["dataset"], "fruit");
    EXPECT_EQ(
        ask("ada", "dataset", R"({"id":"4","action":"list"})")["data"]["datasets"][0]["classes"]
            .size(),
        2u);
    EXPECT_EQ(
        ask("ada", "dataset", R"({"id":"5","action":"info","dataset":"fruit"})")["data"]["bytes"],
        10);
    EXPECT_EQ(ask("ada", "model", R"({"id":"6","action":"list"})")["data"]["models"][0]["current"],
              2);
    const Json model = ask("ada", "model", R"({"id":"7","action":"show","model":"m"})");
    EXPECT_EQ(model["data"]["version"]["version"], 2);
    EXPECT_EQ(model["data"]["versions"].size(), 1u);
    EXPECT_EQ(ask("ada", "device", R"({"id":"8","action":"list"})")["data"]["devices"].size(), 0u);
    const Json health = ask("ada", "health", R"({"id":"9"})");
    EXPECT_EQ(health["data"]["queue"]["unfinished"], 1);
    EXPECT_TRUE(health["data"]["warnings"].is_array());
    EXPECT_EQ(codeOf(ask("ada", "dataset", R"({"id":"10","action":"drop","dataset":"fruit"})")),
              "conflict")
        << "a job works with it";
    finish();
    EXPECT_EQ(
        ask("ada", "dataset", R"({"id":"10","action":"drop","dataset":"fruit"})").at("status"),
        "ok");
    EXPECT_EQ(count("dataset"), 0u);
}

TEST_F(DeskTest, TheGatewaysOwnCardsAreRetained) {
    const auto& retained = world.broker.retained;
    ASSERT_TRUE(retained.contains("tinsmith/gw/state"));
    const Json state = Json::parse(retained.at("tinsmith/gw/state"));
    EXPECT_EQ(state["state"], "online");
    EXPECT_EQ(state["boot"], 1);
    const Json info = Json::parse(retained.at("tinsmith/gw/info"));
    EXPECT_EQ(info["api"], 1);
    EXPECT_EQ(info["boards"], Json({"mps2-an386"}));
    EXPECT_EQ(info["planner"]["kind"], "built_in");
    EXPECT_EQ(info["keys"].size(), 1u);
    EXPECT_TRUE(retained.contains("tinsmith/gw/health"));
    EXPECT_EQ(Json::parse(retained.at("tinsmith/gw/model/m"))["version"], 2);
    restart();
    EXPECT_EQ(Json::parse(world.broker.retained.at("tinsmith/gw/state"))["boot"], 2);
}

TEST_F(DeskTest, HealthShowsEachLanguageModel) {
    world.llm.always = true;
    world.llm.providers = {
        {"cloud", "anthropic", "large", "open", 1'700'000'000'000, "HTTP 401: no", 3, 900, false},
        {"gpu", "ollama", "small", "closed", 1'600'000'000'000, "", 7, 2000, true}};
    const Json health = ask("ada", "health", R"({"id":"h"})")["data"];
    EXPECT_EQ(health["planner"]["providers"], Json::parse(R"([
        {"name":"cloud","kind":"anthropic","model":"large","state":"open","since":1700000000000,
         "calls_today":3,"tokens_today":900,"last_error":"HTTP 401: no"},
        {"name":"gpu","kind":"ollama","model":"small","state":"closed","since":1600000000000,
         "calls_today":7,"tokens_today":2000,"spent":true}])"));
    const std::string warnings = health["warnings"].dump();
    EXPECT_NE(warnings.find("cloud is not asked"), std::string::npos) << warnings;
    EXPECT_NE(warnings.find("gpu has used up"), std::string::npos) << warnings;
}

TEST_F(DeskTest, HealthIsPublishedOnChangeAndAtMostEveryMinute) {
    const auto published = [&] { return world.broker.to("tinsmith/gw/health").size(); };
    const std::size_t before = published();
    (void)ask("ada", "health", R"({"id":"a"})");
    desk->tick();
    EXPECT_EQ(published(), before);
    world.clock.advance(60'000);
    desk->tick();
    EXPECT_EQ(published(), before + 1);
    world.clock.advance(60'000);
    desk->tick();
    EXPECT_LE(published(), before + 2);  // memory may have grown by a megabyte
}

}  // namespace
}  // namespace tinsmith::testing
