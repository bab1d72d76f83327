// What a child may leave behind, and what is made of it.
#include "handlers/requests/stage.hpp"

#include <sys/stat.h>

#include <fstream>

#include "tests/handlers/requests/desk_fixture.hpp"

namespace tinsmith::testing {
namespace {

class StageTest : public DeskTest {
  protected:
    Task<Result<Json>> story(Job& job) override {
        const Json input = Json::object();
        Result<Json> result =
            co_await runStage(job, "tinsmith-work", "probe", input, "here", 10, 60);
        co_return result;
    }
    // The error code of a job whose child does `script`; "" when it succeeded.
    std::string outcome(FakeWorkers::Script script) {
        world.workers.script = std::move(script);
        const Json reply =
            ask("ada", "regenerate",
                R"({"id":"r-)" + std::to_string(++number) + R"(","model":"m","dataset":"fruit"})");
        last = world.journal.records[{"job", reply.value("job", "")}];
        return last.contains("error") ? last["error"].value("code", "") : "";
    }
    static void write(const Child& child, const std::string& text) {
        std::ofstream(child.folder / "output.json") << text;
    }

    int number = 0;
    Json last;
};

TEST_F(StageTest, WhatAChildLeavesIsReadCarefully) {
    using Out = std::optional<Result<Exit>>;
    EXPECT_EQ(outcome([](const Child& child) -> Out {
                  EXPECT_EQ(child.argv.at(1), "probe");
                  EXPECT_EQ(child.argv.at(2), child.folder.string());
                  child.onLine("no json");
                  child.onLine(R"({"percent":1e9,"text":7})");
                  child.onLine("[]");
                  write(child, R"({"x":1})");
                  return Exit{};
              }),
              "");
    EXPECT_EQ(last["result"]["x"], 1);
    EXPECT_EQ(std::filesystem::path(last["result"].value("folder", "")).filename(), "here");
    EXPECT_EQ(outcome([](const Child&) -> Out { return Exit{}; }), "internal") << "no output";
    EXPECT_EQ(outcome([](const Child& child) -> Out {
                  write(child, "{");
                  return Exit{};
              }),
              "internal");
    EXPECT_EQ(outcome([](const Child& child) -> Out {
                  write(child, "[]");
                  return Exit{};
              }),
              "internal");
    EXPECT_EQ(outcome([](const Child& child) -> Out {
                  std::filesystem::create_symlink("/etc/hostname", child.folder / "output.json");
                  return Exit{};
              }),
              "internal");
    EXPECT_EQ(outcome([](const Child& child) -> Out {
                  EXPECT_EQ(::mkfifo((child.folder / "output.json").c_str(), 0600), 0);
                  return Exit{};
              }),
              "internal");
    EXPECT_EQ(outcome([](const Child& child) -> Out {
                  write(child, R"({"error":{"code":"bad_data","message":"m","hint":"h"}})");
                  return Exit{.code = 1};
              }),
              "bad_data");
    EXPECT_EQ(outcome([](const Child&) -> Out { return Exit{.code = 1, .errors = "oh no\n"}; }),
              "internal");
    EXPECT_TRUE(last["error"].value("message", "").ends_with("oh no"));
    EXPECT_EQ(outcome([](const Child&) -> Out { return Exit{.code = 139, .signal = 11}; }),
              "internal");
    EXPECT_EQ(outcome([](const Child&) -> Out {
                  return Exit{.code = 137, .signal = 9, .limit = "wall"};
              }),
              "timeout");
    EXPECT_EQ(outcome([](const Child&) -> Out { return Exit{.code = 4}; }), "internal");
    EXPECT_EQ(outcome([](const Child&) -> Out { return Exit{.code = 3}; }), "storage_full");
    EXPECT_EQ(outcome([](const Child&) -> Out { return fail(Code::internal, "no such program"); }),
              "internal");
}

TEST_F(StageTest, FilesAreNamedBelowTheFolderOnly) {
    const auto folder = world.folder.path();
    std::ofstream(folder / "ok.bin") << "x";
    std::filesystem::create_symlink("/etc/hostname", folder / "link");
    EXPECT_TRUE(childFile(folder, "ok.bin"));
    for (const char* bad : {"", ".", "..", "../x", "/etc/hostname", "link", "missing", "state"}) {
        EXPECT_EQ(childFile(folder, bad).error().code, Code::bad_path) << bad;
    }
}

}  // namespace
}  // namespace tinsmith::testing
