#include "handlers/dataset/stage.hpp"

#include <gtest/gtest.h>

#include "tests/handlers/dataset/folder.hpp"

namespace tinsmith::dataset {
namespace {

TEST(Stage, ImportWritesADatasetThatProfileReads) {
    const Folder data;
    for (const char* name : {"d/a_1.csv", "d/b_1.csv"}) data.write(name, ramp(100));
    const Folder job;
    job.write("input.json",
              Json{{"root", data.path()},
                   {"request", {{"path", "d"}, {"label", "file"}, {"action", "import"}}},
                   {"limits", {{"max_windows", 1000}}}}
                  .dump());
    int last = 0;
    const auto out = importStage(job.path(), [&](const Json& line) {
        EXPECT_GE(line["percent"].get<int>(), last);
        last = line["percent"].get<int>();
        EXPECT_TRUE(line["text"].is_string());
    });
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(last, 100);
    EXPECT_EQ((*out)["dataset"], "dataset.tsd");
    const auto dataset = load(job.path() / "dataset.tsd");
    ASSERT_TRUE(dataset);
    EXPECT_EQ((*out)["sha256"], digest(*dataset));
    EXPECT_NE((*out)["plots"].get<std::string>().find("a wave "), std::string::npos);

    const Folder second;
    second.write("input.json", Json{{"dataset", (job.path() / "dataset.tsd").string()}}.dump());
    const auto profile = profileStage(second.path(), {});
    ASSERT_TRUE(profile) << profile.error().message;
    EXPECT_EQ((*profile)["card"]["windows"], (*out)["card"]["windows"]);
    EXPECT_EQ((*profile)["plots"], (*out)["plots"]);

    Json input = {{"dataset", (job.path() / "dataset.tsd").string()},
                  {"query", {{"look", "histogram"}, {"channel", "x"}}}};
    second.write("input.json", input.dump());
    const auto looked = lookStage(second.path(), {});
    ASSERT_TRUE(looked) << looked.error().message;
    EXPECT_NE((*looked)["text"].get<std::string>().find("values of x"), std::string::npos);
    input["query"]["channel"] = "z";
    second.write("input.json", input.dump());
    EXPECT_EQ(lookStage(second.path(), {}).error().path, "/channel");
}

TEST(Stage, AppendThenEdit) {
    const Folder job;
    std::vector<float> floats;
    for (int i = 0; i < 10 * 4 * 2; ++i) floats.push_back(static_cast<float>(i));
    job.write("recorded.bin", {reinterpret_cast<const char*>(floats.data()), floats.size() * 4});
    Json input = {{"dataset", nullptr},
                  {"recorded",
                   {{"file", "recorded.bin"},
                    {"label", "normal"},
                    {"group", "dev1/1"},
                    {"channels", {"x", "y"}},
                    {"length", 4},
                    {"stride", 4},
                    {"rate_hz", 50},
                    {"units", nullptr}}}};
    job.write("input.json", input.dump());
    const auto first = appendStage(job.path(), {});
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ((*first)["card"]["windows"]["test"]["total"], 2);

    std::filesystem::rename(job.path() / "dataset.tsd", job.path() / "old.tsd");
    input["dataset"] = (job.path() / "old.tsd").string();
    input["recorded"]["label"] = "fault";
    input["recorded"]["indices"] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    job.write("input.json", input.dump());
    const auto second = appendStage(job.path(), {});
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ((*second)["card"]["classes"], Json::array({"fault", "normal"}));

    const Folder edit;
    Json change = {{"dataset", (job.path() / "dataset.tsd").string()},
                   {"rename", {{"from", "fault"}, {"to", "broken"}}}};
    edit.write("input.json", change.dump());
    const auto renamed = editStage(edit.path(), {});
    ASSERT_TRUE(renamed) << renamed.error().message;
    EXPECT_EQ((*renamed)["card"]["classes"], Json::array({"broken", "normal"}));
    change.erase("rename");
    change["drop"] = {{"label", "fault"}};
    edit.write("input.json", change.dump());
    const auto dropped = editStage(edit.path(), {});
    ASSERT_TRUE(dropped) << dropped.error().message;
    EXPECT_EQ((*dropped)["card"]["classes"], Json::array({"normal"}));
}

TEST(Stage, BadInputIsAnError) {
    const Folder job;
    for (const auto stage : {importStage, profileStage, lookStage, appendStage, editStage}) {
        std::filesystem::remove(job.path() / "input.json");
        EXPECT_FALSE(stage(job.path(), {}));
        for (const char* text :
             {"", "[]", "{}", "{\"root\":3}", "{\"root\":\".\",\"request\":[]}",
              "{\"dataset\":\"nowhere.tsd\"}", "{\"dataset\":null,\"recorded\":{}}",
              "{\"dataset\":null,\"recorded\":{\"label\":\"a\",\"group\":\"g\",\"channels\":[\"x\"]"
              ","
              "\"length\":1,\"stride\":1,\"file\":\"../input.json\"}}"}) {
            job.write("input.json", text);
            const auto out = stage(job.path(), {});
            ASSERT_FALSE(out) << text;
            EXPECT_FALSE(out.error().message.empty());
        }
    }
}

}  // namespace
}  // namespace tinsmith::dataset
