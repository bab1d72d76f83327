// Good and bad requests over a real broker with the shipped ACL, answered by the real daemon with
// its real children.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <array>

#include "tests/e2e/house.hpp"
#include "tests/e2e/synthetic.hpp"
#include "tests/e2e/watcher.hpp"

namespace tinsmith::e2e {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> digestsOf(const Json& job) {
    std::vector<std::string> digests;
    const Json result = job.value("result", Json::object());
    for (const Json& image : result.value("images", Json::array())) {
        digests.push_back(image.value("slot", "") + ":" + image.value("digest", ""));
    }
    return digests;
}

// Training children that work below `folder`.
int trainers(const fs::path& folder) {
    int count = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        const std::string command = readText(entry.path() / "cmdline");
        std::error_code gone;
        const fs::path where = fs::read_symlink(entry.path() / "cwd", gone);
        const bool ours = command.find(folder.string()) != std::string::npos ||
                          where.string().starts_with(folder.string());
        if (ours && command.find("tinsmith-train") != std::string::npos) ++count;
    }
    return count;
}

void writeBlobs(const House& house) {
    writeFile(house.dataDir() / "blobs.csv", blobs(8));
    writeFile(house.dataDir() / "many.csv", blobs(250));
    writeFile(house.dataDir() / "chance.csv", blobs(8, true));
}

// One Tinsmith for all tests here, with a dataset and a model made of it.
class Requests : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        // One asker sends all that these tests send, as fast as the machine can.
        House::Options options;
        options.extraSettings = "[requests]\nper_minute = 100000\n";
        house_ = new House(options);
        writeBlobs(*house_);
        const auto client = house_->client();
        imported_ = client->runJob("dataset", importBlobs("blobs", "blobs.csv"), 30000);
        made_ = client->runJob("regenerate", learnBlobs("colours", "blobs"), 120000);
    }
    static void TearDownTestSuite() {
        delete house_;
        house_ = nullptr;
    }
    void SetUp() override {
        ann_ = house_->client("ann");
        ASSERT_EQ(stateOf(imported_), "succeeded") << imported_.dump(1) << house_->log("daemon");
        ASSERT_EQ(stateOf(made_), "succeeded") << made_.dump(1) << house_->log("daemon");
    }

    // Publishes bytes as they are and waits for what is answered; the reply need not have an id.
    Json raw(const std::string& verb, const std::string& payload, bool retain = false) {
        const std::string response = house_->root() + "/response/ann/" + verb;
        ann_->last.erase(response);
        ann_->publish(house_->root() + "/request/ann/" + verb, payload, retain);
        if (!ann_->waitFor([&] { return ann_->last.contains(response); }, 20000)) return nullptr;
        return Json::parse(ann_->last[response], nullptr, false);
    }
    Json import(const std::string& path) {
        return ann_->runJob("dataset", importBlobs("bad", path), 30000);
    }
    std::size_t jobs() {
        const Json reply = ann_->request("job", {{"action", "list"}, {"limit", 100}});
        EXPECT_TRUE(at(reply, "/data/jobs").is_array()) << reply.dump();
        return at(reply, "/data/jobs").size();
    }

    static House* house_;
    static Json imported_;
    static Json made_;
    std::unique_ptr<Client> ann_;
};

House* Requests::house_ = nullptr;
Json Requests::imported_;
Json Requests::made_;

TEST_F(Requests, EveryRefusalHasACodeAMessageAndAHint) {
    struct Case {
        std::string verb;
        std::string payload;
        std::string code;
        std::string path;
    };
    const std::string learn = R"("model":"m","dataset":"blobs")";
    const std::string deep = std::string(1 << 20, '[');
    const std::vector<Case> cases = {
        {"regenerate", "no json at all", "bad_json", ""},
        {"regenerate", std::string("\x00\xff\xfe", 3), "bad_json", ""},
        {"regenerate", "[1,2]", "bad_json", ""},
        {"regenerate", deep, "too_large", ""},
        {"regenerate", deep.substr(0, 200'000), "bad_json", ""},
        {"regenerate", R"({"id":"r1","model":)" + deep.substr(0, 100'000), "bad_json", ""},
        {"regenerate", R"({"id":"r2","dataset":"blobs"})", "schema", "/model"},
        {"regenerate", R"({"id":"r3",)" + learn + R"(,"target":{"accuracy":7}})", "schema",
         "/target/accuracy"},
        {"regenerate", R"({"id":"r4",)" + learn + R"(,"colour":1})", "schema", "/colour"},
        {"regenerate", R"({"id":"r5",)" + learn + R"(,"api":9})", "version", "/api"},
        {"regenerate", R"({"id":"r6",)" + learn + R"(,"board":"toaster"})", "unknown_board",
         "/board"},
        {"regenerate", R"({"id":"r7","model":"m","dataset":"nothing"})", "unknown_dataset",
         "/dataset"},
        {"regenerate", R"({"id":"r8",)" + learn + R"(,"deadline":1000})", "expired", "/deadline"},
        {"retrain", R"({"id":"r9","model":"nothing"})", "unknown_model", "/model"},
        {"requantize", R"({"id":"r10","model":"nothing"})", "unknown_model", "/model"},
        {"requantize", R"({"id":"r11","model":"colours","version":77})", "unknown_version",
         "/version"},
        {"rollout", R"({"id":"r12","action":"start","model":"nothing","group":"g"})",
         "unknown_model", "/model"},
        {"rollout", R"({"id":"r13","action":"abort","rollout":"nothing"})", "unknown_rollout",
         "/rollout"},
        {"model", R"({"id":"r14","action":"show","model":"nothing"})", "unknown_model", "/model"},
        {"model", R"({"id":"r15","action":"melt"})", "schema", "/action"},
        {"job", R"({"id":"r16","action":"cancel","job":"nothing"})", "unknown_job", "/job"},
        {"device", R"({"id":"r17","action":"group","device":"dev-9","groups":["g"]})",
         "unknown_device", "/device"},
        {"dataset", R"({"id":"r18","action":"info","dataset":"nothing"})", "unknown_dataset",
         "/dataset"},
        {"dataset", R"({"id":"r19","action":"import","dataset":"d","path":"../../etc/passwd"})",
         "bad_path", "/path"},
        {"dataset", R"({"id":"r20","action":"import","dataset":"d","path":"/etc/passwd"})",
         "bad_path", "/path"},
        {"dataset",
         R"({"id":"r21","action":"record","dataset":"d","device":"dev-9","label":"l","seconds":1})",
         "unknown_device", "/device"},
        {"dataset",
         R"({"id":"r22","action":"import","dataset":"d","path":"blobs.csv","format":"mp3"})",
         "schema", "/format"},
        {"frobnicate", R"({"id":"r23"})", "unsupported", ""},
    };
    const std::size_t before = jobs();
    for (const Case& each : cases) {
        SCOPED_TRACE(each.verb + " " + each.payload.substr(0, 100));
        const Json reply = raw(each.verb, each.payload);
        ASSERT_TRUE(reply.is_object());
        EXPECT_EQ(reply.value("status", ""), "error");
        EXPECT_EQ(codeOf(reply), each.code) << reply.dump();
        EXPECT_EQ(textOf(reply, "path"), each.path) << reply.dump();
        EXPECT_FALSE(textOf(reply, "message").empty()) << reply.dump();
        EXPECT_FALSE(textOf(reply, "hint").empty()) << reply.dump();
    }
    EXPECT_EQ(jobs(), before) << "a refused request made a job";
}

TEST_F(Requests, AnIdStandsForOnePayload) {
    Json request = learnBlobs("colours", "blobs");
    request["id"] = "twice";
    request["dry_run"] = true;
    const Json first = ann_->request("regenerate", request);
    ASSERT_EQ(first.value("status", ""), "accepted") << first.dump();
    EXPECT_EQ(ann_->request("regenerate", request), first);
    EXPECT_EQ(stateOf(ann_->waitForJob(first.value("job", ""), 30000)), "succeeded");
    EXPECT_EQ(ann_->request("regenerate", request), first) << "also when the job has ended";
    request["seed"] = 4;
    const Json other = ann_->request("regenerate", request);
    EXPECT_EQ(codeOf(other), "conflict");
    EXPECT_EQ(textOf(other, "path"), "/id");
    EXPECT_FALSE(textOf(other, "hint").empty());
}

TEST_F(Requests, RetainedRequestsAreNotRun) {
    const std::size_t before = jobs();
    Json request = learnBlobs("colours", "blobs");
    request["id"] = "retained";
    const Json reply = raw("regenerate", request.dump(), true);
    EXPECT_EQ(codeOf(reply), "retained");
    EXPECT_FALSE(textOf(reply, "hint").empty());
    ann_->publish(house_->root() + "/request/ann/regenerate", "", true);
    EXPECT_EQ(jobs(), before);
}

TEST_F(Requests, NobodySpeaksOrListensForAnother) {
    const auto bob = house_->client("bob");
    const std::size_t before = jobs();
    Json request = learnBlobs("colours", "blobs");
    request["id"] = "forged";
    bob->publish(house_->root() + "/request/ann/regenerate", request.dump());
    bob->publish(house_->root() + "/device/dev-1/hello", "forged");
    // The broker handles what a client sends in order: after this reply the forged ones would have
    // arrived.
    EXPECT_EQ(bob->request("health", Json::object()).value("status", ""), "ok");
    EXPECT_EQ(jobs(), before);

    std::vector<std::string> heard;
    bob->onMessage = [&](const std::string& topic, const std::string&) { heard.push_back(topic); };
    bob->subscribe(house_->root() + "/response/#");
    bob->subscribe(house_->root() + "/response/ann/#");
    bob->subscribe(house_->root() + "/request/#");
    EXPECT_EQ(bob->request("health", Json::object()).value("status", ""), "ok");
    EXPECT_EQ(ann_->request("health", Json::object()).value("status", ""), "ok");
    EXPECT_EQ(bob->request("health", Json::object()).value("status", ""), "ok");
    for (const std::string& topic : heard) {
        EXPECT_TRUE(topic.starts_with(house_->root() + "/response/bob/")) << topic;
    }
    EXPECT_FALSE(heard.empty());
}

TEST_F(Requests, FaultyFilesAreRefusedWithWhatIsWrong) {
    struct Case {
        std::string text;
        std::string says;  // in the message
    };
    const std::string head = "kind,take,x,y,z\n";
    const std::vector<Case> cases = {
        {head + "red,1,1,2,3\nred,1,1,2\n", "3"},
        {head + "red,1,1,2,3\nblue,1,nan,2,3\n", "3"},
        {head + "red,1,1,2,3\nblue,1,inf,2,3\n", "3"},
        {head + "red,1,1,2,3\nblue,1,two,2,3\n", "two"},
        {"kind,take,x,y\nred,1,1,2\n", "z"},
        {"take,x,y,z\n1,1,2,3\n", "kind"},
        {head, ""},
        {"", ""},
    };
    for (const Case& each : cases) {
        SCOPED_TRACE(each.text);
        writeFile(house_->dataDir() / "bad.csv", each.text);
        const Json job = import("bad.csv");
        EXPECT_EQ(stateOf(job), "failed") << job.dump();
        EXPECT_EQ(codeOf(job), "bad_data") << job.dump();
        EXPECT_NE(textOf(job, "message").find(each.says), std::string::npos) << job.dump();
        EXPECT_FALSE(textOf(job, "hint").empty()) << job.dump();
    }
    fs::create_directory_symlink("/etc", house_->dataDir() / "way-out");
    const Json out = import("way-out/passwd");
    EXPECT_EQ(codeOf(out), "bad_path") << out.dump();
    EXPECT_EQ(codeOf(import("not-there.csv")), "bad_path");
    const Json info = ann_->request("dataset", {{"action", "info"}, {"dataset", "bad"}});
    EXPECT_EQ(codeOf(info), "unknown_dataset") << "nothing is left half done";
}

TEST_F(Requests, OneClassIsNothingToLearnFrom) {
    std::string csv = "kind,take,x,y,z\n";
    for (int i = 0; i < 40; ++i)
        csv += "red," + std::to_string(i / 5) + ",1,2," + std::to_string(i) + "\n";
    writeFile(house_->dataDir() / "one.csv", csv);
    const Json imported = ann_->runJob("dataset", importBlobs("one", "one.csv"), 30000);
    Json failed = imported;
    if (stateOf(imported) == "succeeded")
        failed = ann_->runJob("regenerate", learnBlobs("one", "one"), 30000);
    EXPECT_EQ(codeOf(failed), "bad_data") << failed.dump();
    EXPECT_FALSE(textOf(failed, "hint").empty());
}

TEST_F(Requests, LimitsThatCannotBeMetFailBeforeTraining) {
    const std::vector<std::pair<Json, std::string>> cases = {
        {{{"flash_kb", 1}}, "/limits"},
        {{{"ram_kb", 1}}, "/limits"},
        {{{"latency_ms", 0.000001}}, "/limits"},
    };
    for (const auto& [limits, path] : cases) {
        SCOPED_TRACE(limits.dump());
        Json request = learnBlobs("tight", "blobs");
        request["limits"] = limits;
        const Json job = ann_->runJob("regenerate", request, 30000);
        EXPECT_EQ(stateOf(job), "failed");
        EXPECT_EQ(codeOf(job), "not_feasible") << job.dump();
        EXPECT_TRUE(textOf(job, "path").starts_with(path)) << job.dump();
        EXPECT_FALSE(textOf(job, "hint").empty());
        EXPECT_FALSE(told(showJob(*ann_, job.value("job", "")), "step", "train"));
    }
    EXPECT_EQ(codeOf(ann_->request("model", {{"action", "show"}, {"model", "tight"}})),
              "unknown_model");
}

TEST_F(Requests, AMissedTargetKeepsTheBestThatWasFound) {
    ASSERT_EQ(stateOf(ann_->runJob("dataset", importBlobs("chance", "chance.csv"), 30000)),
              "succeeded");
    Json request = learnBlobs("chance", "chance");
    request["target"]["accuracy"] = 0.99;
    request["budget"]["minutes"] = 0.1;
    const Json job = ann_->runJob("regenerate", request, 90000);
    EXPECT_EQ(stateOf(job), "failed");
    EXPECT_EQ(codeOf(job), "target_missed") << job.dump();
    EXPECT_FALSE(textOf(job, "hint").empty());
    const Json result = job.value("result", Json::object());
    ASSERT_TRUE(result.contains("accuracy")) << job.dump();
    EXPECT_LT(at(result, "/accuracy/test").get<double>(), 0.99);
    EXPECT_TRUE(result.contains("plan"));
    const Json shown = ann_->request("model", {{"action", "show"}, {"model", "chance"}});
    ASSERT_EQ(shown.value("status", ""), "ok") << shown.dump();
    EXPECT_EQ(at(shown, "/data/version/version"), at(result, "/version"));
    EXPECT_EQ(at(shown, "/data/version/released"), false);
}

TEST_F(Requests, ADryRunStopsAfterFeasibility) {
    Json request = learnBlobs("never-made", "blobs");
    request["dry_run"] = true;
    const Json job = ann_->runJob("regenerate", request, 30000);
    ASSERT_EQ(stateOf(job), "succeeded") << job.dump();
    EXPECT_TRUE(at(job, "/result").contains("plan"));
    EXPECT_TRUE(at(job, "/result/fit").contains("fits")) << job.dump();
    EXPECT_FALSE(told(showJob(*ann_, job.value("job", "")), "step", "train"));
    EXPECT_EQ(codeOf(ann_->request("model", {{"action", "show"}, {"model", "never-made"}})),
              "unknown_model");
    for (const char* verb : {"retrain", "requantize"}) {
        const Json dry = ann_->runJob(verb, {{"model", "colours"}, {"dry_run", true}}, 30000);
        EXPECT_EQ(stateOf(dry), "succeeded") << dry.dump();
        EXPECT_EQ(at(dry, "/result/dry_run"), true);
    }
}

TEST_F(Requests, TheMadeModelIsProvenSignedAndShown) {
    const Json result = at(made_, "/result");
    EXPECT_GE(at(result, "/accuracy/test").get<double>(), 0.9);
    EXPECT_EQ(at(result, "/images").size(), 2U);
    EXPECT_GT(at(result, "/measured/image_bytes").get<double>(), 0);
    const Json shown = showJob(*ann_, made_.value("job", ""));
    for (const char* step : {"train", "fit", "quantize", "build", "preflight", "sign", "publish"}) {
        EXPECT_TRUE(told(shown, "done", step)) << step;
    }
    const Json models = ann_->request("model", {{"action", "list"}});
    const Json list = at(models, "/data/models");
    EXPECT_TRUE(std::ranges::any_of(
        list, [](const Json& model) { return at(model, "/model") == "colours"; }));
    const Json model =
        ann_->request("model", {{"action", "show"}, {"model", "colours"}, {"version", 1}});
    EXPECT_EQ(at(model, "/data/version/images"), at(result, "/images"));
    const Json datasets = ann_->request("dataset", {{"action", "list"}});
    EXPECT_FALSE(at(datasets, "/data/datasets").empty());
    const Json info = ann_->request("dataset", {{"action", "info"}, {"dataset", "blobs"}});
    EXPECT_EQ(at(info, "/data/card/classes"), Json({"blue", "green", "red"}));
    const Json health = ann_->request("health", Json::object());
    EXPECT_EQ(at(health, "/data/queue/unfinished"), 0);
    EXPECT_GE(jobs(), 2U);
    EXPECT_EQ(at(ann_->request("device", {{"action", "list"}}), "/data/devices"), Json::array());
}

TEST_F(Requests, ACancelledJobLeavesNoChildAndNoModel) {
    ASSERT_EQ(stateOf(ann_->runJob("dataset", importBlobs("many", "many.csv"), 30000)),
              "succeeded");
    Json request = learnBlobs("endless", "many");
    request["target"]["accuracy"] = 1.0;
    request["budget"]["minutes"] = 5;
    const Json reply = ann_->request("regenerate", request);
    ASSERT_EQ(reply.value("status", ""), "accepted") << reply.dump();
    ASSERT_TRUE(ann_->waitFor([&] { return trainers(house_->folder()) > 0; }, 30000));
    const Json cancelled =
        ann_->request("job", {{"action", "cancel"}, {"job", reply.value("job", "")}});
    EXPECT_EQ(cancelled.value("status", ""), "ok") << cancelled.dump();
    const Json job = ann_->waitForJob(reply.value("job", ""), 20000);
    EXPECT_EQ(stateOf(job), "cancelled") << job.dump();
    EXPECT_TRUE(ann_->waitFor([&] { return trainers(house_->folder()) == 0; }, 5000));
    EXPECT_EQ(codeOf(ann_->request("model", {{"action", "show"}, {"model", "endless"}})),
              "unknown_model");
}

TEST_F(Requests, AModelIsRetrainedAndRequantized) {
    const Json retrained =
        ann_->runJob("retrain", {{"model", "colours"}, {"version", 1}, {"seed", 5}}, 90000);
    ASSERT_EQ(stateOf(retrained), "succeeded") << retrained.dump();
    EXPECT_EQ(at(retrained, "/result/plan"), at(made_, "/result/plan"));
    EXPECT_NE(at(retrained, "/result/tflite"), at(made_, "/result/tflite"));
    EXPECT_EQ(at(retrained, "/result/origin/weights"), "continued");
    EXPECT_GE(at(retrained, "/result/accuracy/test").get<double>(), 0.9);

    const Json fresh = ann_->runJob(
        "retrain", {{"model", "colours"}, {"version", 1}, {"seed", 5}, {"fresh", true}}, 90000);
    ASSERT_EQ(stateOf(fresh), "succeeded") << fresh.dump();
    EXPECT_EQ(at(fresh, "/result/origin/weights"), "fresh");
    EXPECT_NE(at(fresh, "/result/tflite"), at(retrained, "/result/tflite"));
    EXPECT_GE(at(fresh, "/result/accuracy/test").get<double>(), 0.9);

    const Json again = ann_->runJob("requantize", {{"model", "colours"}, {"version", 1}}, 90000);
    ASSERT_EQ(stateOf(again), "succeeded") << again.dump();
    EXPECT_EQ(at(again, "/result/tflite"), at(made_, "/result/tflite"))
        << "the same weights and the same recipe";
    EXPECT_GT(at(again, "/result/version"), at(fresh, "/result/version"));
}

TEST_F(Requests, ARequantizeThatFitsNoFlashLimitSaysWhatTakesTheSpace) {
    const auto image = at(made_, "/result/measured/image_bytes").get<double>();
    const Json request = {
        {"model", "colours"}, {"version", 1}, {"limits", {{"flash_kb", (image - 500) / 1000}}}};
    const Json job = ann_->runJob("requantize", request, 90000);
    EXPECT_EQ(codeOf(job), "not_feasible") << job.dump();
    const std::string message = at(job, "/error/message").get<std::string>();
    for (const char* word : {"bytes too much", "platform", "weights and biases",
                             "self-test windows", "percentile 99.9, per tensor", "float"}) {
        EXPECT_NE(message.find(word), std::string::npos) << word << " in " << message;
    }
    EXPECT_NE(at(job, "/error/hint").get<std::string>().find("regenerate"), std::string::npos);
    std::printf("%s\n", message.c_str());
}

TEST_F(Requests, RightsAndAFullDiskAreSaid) {
    House::Options options;
    options.extraSettings =
        "[askers.dev-1]\nallow = [\"health\", \"dataset.list\"]\n"
        "[quotas]\ntotal_bytes = 1000000\n";
    options.startDaemon = false;
    House full(options);
    writeBlobs(full);
    writeFile(full.folder() / "state" / "ballast", std::string(2'000'000, 'x'));
    full.startDaemon();
    const auto client = full.client();
    const Json refused = client->request("dataset", importBlobs("blobs", "blobs.csv"));
    EXPECT_EQ(codeOf(refused), "storage_full") << refused.dump();
    EXPECT_FALSE(textOf(refused, "hint").empty());
    EXPECT_NE(client->request("health", Json::object()).dump().find("\"code\":\"quota\""),
              std::string::npos);

    const auto device = full.client("dev-1");
    EXPECT_EQ(device->request("health", Json::object()).value("status", ""), "ok");
    EXPECT_EQ(device->request("dataset", {{"action", "list"}}).value("status", ""), "ok");
    const Json drop = device->request("dataset", {{"action", "drop"}, {"dataset", "blobs"}});
    EXPECT_EQ(codeOf(drop), "forbidden") << drop.dump();
    // Without a table of its own an asker is refused before its request is read: the reply has no
    // id.
    const auto stranger = full.client("dev-2");
    const std::string response = full.root() + "/response/dev-2/health";
    stranger->publish(full.root() + "/request/dev-2/health", R"({"id":"s-1"})");
    ASSERT_TRUE(stranger->waitFor([&] { return stranger->last.contains(response); }, 10000));
    EXPECT_EQ(codeOf(Json::parse(stranger->last[response], nullptr, false)), "forbidden");
}

// A second, fresh Tinsmith makes the same images of the same data with the same seed; then SIGTERM,
// in the middle of a job.
TEST_F(Requests, TheSameSeedGivesTheSameImagesAndTermEndsTheDaemonCleanly) {
    House second;
    writeBlobs(second);
    const auto client = second.client();
    ASSERT_EQ(stateOf(client->runJob("dataset", importBlobs("blobs", "blobs.csv"), 30000)),
              "succeeded");
    const Json job = client->runJob("regenerate", learnBlobs("colours", "blobs"), 120000);
    ASSERT_EQ(stateOf(job), "succeeded") << job.dump();
    ASSERT_EQ(digestsOf(made_).size(), 2U);
    EXPECT_EQ(digestsOf(job), digestsOf(made_));

    Json endless = learnBlobs("endless", "blobs");
    endless["target"]["accuracy"] = 1.0;
    endless["budget"]["minutes"] = 5;
    ASSERT_EQ(client->request("regenerate", endless).value("status", ""), "accepted");
    ASSERT_TRUE(client->waitFor([&] { return trainers(second.folder()) > 0; }, 30000));
    second.daemon().signal(SIGTERM);
    EXPECT_EQ(second.daemon().wait(20000), 0) << second.log("daemon");
    EXPECT_EQ(trainers(second.folder()), 0);
    client->subscribe(second.root() + "/state");
    EXPECT_TRUE(client->waitFor(
        [&] { return client->last[second.root() + "/state"].find("offline") != std::string::npos; },
        5000));
}

}  // namespace
}  // namespace tinsmith::e2e
