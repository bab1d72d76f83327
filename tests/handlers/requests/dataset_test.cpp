// dataset import, record, label and drop, from the request to the record, with scripted stages and
// a scripted device.
#include <fstream>

#include "handlers/flow/digest.hpp"
#include "handlers/requests/stories.hpp"
#include "tests/handlers/requests/desk_fixture.hpp"

namespace tinsmith::testing {
namespace {

class DatasetStoryTest : public DeskTest {
  protected:
    DatasetStoryTest() {
        world.workers.script = [this](const Child& child) { return stage(child); };
    }

    Task<Result<Json>> story(Job& job) override { return datasetStory(job, *fleet); }

    // Does what tinsmith-work does, with the stage's name and input as the dataset.
    std::optional<Result<Exit>> stage(const Child& child) {
        std::ifstream in(child.folder / "input.json");
        inputs.push_back(Json::parse(in));
        stages.push_back(child.argv.at(1));
        if (hang) return std::nullopt;
        if (failWith) {
            std::ofstream(child.folder / "output.json")
                << Json{{"error", toJson(*failWith)}}.dump();
            return Result<Exit>(Exit{.code = 1});
        }
        child.onLine(R"({"percent":50,"text":"reading","rows":7})");
        const std::string bytes = stages.back() + std::to_string(inputs.size());
        std::ofstream(child.folder / "dataset.tsd") << bytes;
        std::ofstream(child.folder / "output.json") << Json{
            {"dataset", "dataset.tsd"},
            {"sha256", sha256Hex(bytes)},
            {"card", {{"from", stages.back()}}},
            {"plots", "plots of " + stages.back()}}.dump();
        return Result<Exit>(Exit{});
    }
    Json jobRecord(const Json& reply) {
        return world.journal.records[{"job", reply.value("job", "")}];
    }
    Json dataset(const std::string& name) { return world.journal.records[{"dataset", name}]; }

    std::vector<Json> inputs;
    std::vector<std::string> stages;
    std::optional<Error> failWith;
    bool hang = false;
};

const std::string kImport =
    R"({"id":"d-1","action":"import","dataset":"nuts","path":"nuts","label":"folder"})";

TEST_F(DatasetStoryTest, AnImportBecomesAnArtefactAndARecord) {
    const Json reply = ask("ada", "dataset", kImport);
    ASSERT_EQ(reply.at("status"), "accepted");
    const Json job = jobRecord(reply);
    ASSERT_EQ(job["state"], "succeeded") << job.dump();
    EXPECT_EQ(job["result"]["digest"], sha256Hex("import1"));
    EXPECT_EQ(inputs.at(0)["root"], world.settings.dataDir.string());
    EXPECT_EQ(inputs.at(0)["request"]["label"], "folder");
    EXPECT_EQ(dataset("nuts")["digest"], sha256Hex("import1"));
    EXPECT_EQ(dataset("nuts")["bytes"], 7);
    const Json info =
        ask("ada", "dataset", R"({"id":"i-1","action":"info","dataset":"nuts"})").at("data");
    EXPECT_EQ(info.value("plots", ""), "plots of import");
    EXPECT_EQ(*world.artefacts.read(sha256Hex("import1")), "import1");
    EXPECT_FALSE(std::filesystem::exists(world.settings.stateDir / "jobs" / job.value("job", "")));
    const auto log = world.broker.to("tinsmith/gw/job/" + job.value("job", "") + "/log");
    EXPECT_NE(std::ranges::find_if(
                  log, [](const std::string& line) { return line.contains("\"rows\":7"); }),
              log.end());
}

TEST_F(DatasetStoryTest, AStagesRefusalIsTheJobs) {
    failWith = Error{Code::bad_data, "line 7 has 2 columns", "mend it", ""};
    const Json job = jobRecord(ask("ada", "dataset", kImport));
    EXPECT_EQ(job["state"], "failed");
    EXPECT_EQ(job["error"]["code"], "bad_data");
    EXPECT_EQ(job["error"]["message"], "line 7 has 2 columns");
    EXPECT_FALSE(world.journal.records.contains({"dataset", "nuts"}));
}

TEST_F(DatasetStoryTest, ADatasetBeyondItsQuotaIsNotStored) {
    world.settings.quotas.datasetBytes = 5;
    const Json job = jobRecord(ask("ada", "dataset", kImport));
    EXPECT_EQ(job["error"]["code"], "storage_full");
    EXPECT_FALSE(world.journal.records.contains({"dataset", "nuts"}));
}

TEST_F(DatasetStoryTest, CancellingKillsTheStage) {
    hang = true;
    const Json reply = ask("ada", "dataset", kImport);
    EXPECT_EQ(jobRecord(reply)["state"], "queued");
    (void)ask("ada", "job",
              R"({"id":"c","action":"cancel","job":")" + reply.value("job", "") + "\"}");
    EXPECT_EQ(world.workers.killed, 1);
    EXPECT_EQ(jobRecord(reply)["state"], "cancelled");
}

TEST_F(DatasetStoryTest, LabelAndDropEditTheDatasetAsItIs) {
    (void)ask("ada", "dataset", kImport);
    (void)ask("ada", "dataset",
              R"({"id":"d-2","action":"label","dataset":"nuts","from":"a","to":"b"})");
    EXPECT_EQ(stages.back(), "edit");
    EXPECT_EQ(inputs.back()["rename"], (Json{{"from", "a"}, {"to", "b"}}));
    EXPECT_EQ(inputs.back()["dataset"], world.artefacts.path(sha256Hex("import1")).string());
    (void)ask("ada", "dataset", R"({"id":"d-3","action":"drop","dataset":"nuts","label":"b"})");
    EXPECT_EQ(inputs.back()["drop"], (Json{{"label", "b"}}));
    EXPECT_EQ(dataset("nuts")["digest"], sha256Hex("edit3"));
}

// The step's result is journalled after the dataset: killed in between, the step runs again and
// must not edit twice.
TEST_F(DatasetStoryTest, AnEditIsDoneOnceAlsoWhenItsStepIsRepeated) {
    (void)ask("ada", "dataset", kImport);
    world.journal.afterCommit = [&](int) {
        if (dataset("nuts").value("digest", "") == sha256Hex("edit2")) world.journal.dead = true;
    };
    const Json reply = ask("ada", "dataset",
                           R"({"id":"d-2","action":"label","dataset":"nuts","from":"a","to":"b"})");
    world.journal.afterCommit = nullptr;
    world.journal.dead = false;
    EXPECT_NE(jobRecord(reply)["state"], "succeeded");
    restart();
    EXPECT_EQ(jobRecord(reply)["state"], "succeeded") << jobRecord(reply).dump();
    EXPECT_EQ(stages.size(), 2u) << "the stage did not run again";
    EXPECT_EQ(dataset("nuts")["digest"], sha256Hex("edit2"));
}

TEST_F(DatasetStoryTest, ARecordingNeedsToKnowItsShape) {
    // A device that said hello, as the fleet keeps it.
    put("device", "d-1", {{"id", "d-1"}, {"board", "mps2-an386"}});
    restart();
    const std::string start =
        R"({"id":"a","action":"record","dataset":"new","device":"d-1","label":"x","seconds":1)";
    const Json rate = ask("ada", "dataset", start + "}");
    EXPECT_EQ(codeOf(rate), "bad_data") << rate.dump();
    EXPECT_EQ(rate["error"]["path"], "/rate_hz");
    EXPECT_EQ(ask("ada", "dataset", start + R"(,"rate_hz":100})")["error"]["path"], "/channels");
    EXPECT_EQ(ask("ada", "dataset", start + R"(,"rate_hz":100,"channels":["x"]})")["error"]["path"],
              "/window");
    EXPECT_EQ(
        codeOf(ask(
            "ada", "dataset",
            R"({"id":"a","action":"record","dataset":"new","device":"d-1","label":"x","seconds":86400,
                             "rate_hz":100000,"channels":["x"],"window":{"length":10}})")),
        "storage_full");
}

}  // namespace
}  // namespace tinsmith::testing
