#include "daemon/ctl/options.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace tinsmith::ctl {
namespace {

Parsed parse(std::vector<const char*> words) {
    words.insert(words.begin(), "tinsmith");
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    Parsed parsed = parseCommandLine(static_cast<int>(words.size()), words.data());
    (void)::testing::internal::GetCapturedStdout();
    (void)::testing::internal::GetCapturedStderr();
    return parsed;
}

Json requestOf(const std::vector<const char*>& words, const std::string& verb) {
    const Parsed parsed = parse(words);
    if (!parsed.line) return "not parsed";
    EXPECT_EQ(parsed.line->asking.verb, verb);
    return parsed.line->asking.request;
}

TEST(Options, CommandsBecomeRequests) {
    EXPECT_EQ(requestOf({"job", "list", "--state", "failed", "--limit", "3"}, "job"),
              (Json{{"action", "list"}, {"state", "failed"}, {"limit", 3}}));
    EXPECT_EQ(requestOf({"job", "cancel", "j-1"}, "job"),
              (Json{{"action", "cancel"}, {"job", "j-1"}}));
    EXPECT_EQ(requestOf({"job", "report", "j-1"}, "job"),
              (Json{{"action", "report"}, {"job", "j-1"}, {"format", "markdown"}}));
    EXPECT_EQ(requestOf({"job", "report", "j-1", "--json"}, "job"),
              (Json{{"action", "report"}, {"job", "j-1"}}));
    EXPECT_EQ(requestOf({"job", "text", "j-1", "ab12"}, "job"),
              (Json{{"action", "text"}, {"job", "j-1"}, {"digest", "ab12"}}));
    EXPECT_TRUE(parse({"job", "replay", "j-1"}).line->asking.wait);
    EXPECT_EQ(requestOf({"rollout", "approve", "r-j-1"}, "rollout"),
              (Json{{"action", "approve"}, {"rollout", "r-j-1"}}));
    EXPECT_EQ(requestOf({"model", "show", "m", "--version", "2"}, "model"),
              (Json{{"action", "show"}, {"model", "m"}, {"version", 2}}));
    EXPECT_EQ(requestOf({"device", "group", "d-1", "kitchen", "north"}, "device"),
              (Json{{"action", "group"}, {"device", "d-1"}, {"groups", {"kitchen", "north"}}}));
    EXPECT_EQ(requestOf({"device", "group", "d-1"}, "device"),
              (Json{{"action", "group"}, {"device", "d-1"}, {"groups", Json::array()}}));
    EXPECT_EQ(requestOf({"dataset", "drop", "d", "--label", "x"}, "dataset"),
              (Json{{"action", "drop"}, {"dataset", "d"}, {"label", "x"}}));
    EXPECT_EQ(requestOf({"import", "fruit", "fruit", "--label", "column:Fruit", "--channels",
                         "Red,Green", "--window", "1", "--split", "file"},
                        "dataset"),
              (Json{{"action", "import"},
                    {"dataset", "fruit"},
                    {"path", "fruit"},
                    {"label", "column:Fruit"},
                    {"channels", {"Red", "Green"}},
                    {"window", {{"length", 1}}},
                    {"split", "file"}}));
    EXPECT_EQ(requestOf({"model", "import", "kws.tflite", "--name", "kws", "--labels", "up,down"},
                        "model"),
              (Json{{"action", "import"},
                    {"path", "kws.tflite"},
                    {"model", "kws"},
                    {"labels", {"up", "down"}}}));
    EXPECT_TRUE(parse({"model", "import", "k.tflite", "--name", "k"}).line->asking.wait);
    EXPECT_FALSE(parse({"model", "list"}).line->asking.wait);
    EXPECT_EQ(parse({"model", "import", "k.tflite"}).exitCode, 2) << "a name is needed";
    EXPECT_EQ(requestOf({"request", "regenerate", R"({"model":"m"})"}, "regenerate"),
              (Json{{"model", "m"}}));
    EXPECT_EQ(requestOf({"health"}, "health"), Json::object());
}

TEST(Options, FlagsStandAnywhere) {
    const Parsed parsed = parse({"request", "health", "--json", "--user", "ada", "--wait"});
    ASSERT_TRUE(parsed.line);
    EXPECT_TRUE(parsed.line->json);
    EXPECT_TRUE(parsed.line->asking.json);
    EXPECT_TRUE(parsed.line->asking.wait);
    EXPECT_EQ(parsed.line->user, "ada");
    EXPECT_EQ(parse({"watch"}).line->job, "latest");
    EXPECT_EQ(parse({"key", "new", "k"}).line->keyFile, "k");
    EXPECT_EQ(parse({"doctor"}).line->what, CommandLine::What::doctor);
}

TEST(Options, WrongUsageIsExitCodeTwo) {
    for (const std::vector<const char*>& words :
         std::vector<std::vector<const char*>>{{},
                                               {"explode"},
                                               {"job"},
                                               {"job", "show"},
                                               {"request"},
                                               {"request", "job", "no json"},
                                               {"request", "job", "[]"},
                                               {"request", "job", "@/nonexistent"},
                                               {"--timeout", "0", "health"}}) {
        const Parsed parsed = parse(words);
        EXPECT_FALSE(parsed.line);
        EXPECT_EQ(parsed.exitCode, 2);
    }
    EXPECT_EQ(parse({"--help"}).exitCode, 0);
}

TEST(Options, BrokerAndPassword) {
    CommandLine line;
    line.broker = "gate:1884";
    line.root = "home/gw";
    auto options = clientOptions(line, std::nullopt);
    ASSERT_TRUE(options);
    EXPECT_EQ(options->host, "gate");
    EXPECT_EQ(options->port, 1884);
    EXPECT_EQ(options->root, "home/gw");
    line.broker = "gate";
    EXPECT_EQ(clientOptions(line, std::nullopt)->port, 1883);
    for (const char* bad : {"gate:", "gate:x", "gate:0", "gate:70000", "gate:1883x"}) {
        line.broker = bad;
        EXPECT_FALSE(clientOptions(line, std::nullopt)) << bad;
    }
    line.broker = "gate";
    line.passwordFile = "/nonexistent";
    EXPECT_FALSE(clientOptions(line, std::nullopt));
}

TEST(Keys, AreMadeOnceAndForTheOwnerOnly) {
    std::string folder = (std::filesystem::temp_directory_path() / "tinsmith-ctl-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const std::string file = folder + "/signing.key";
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(makeKey(file, true), 0);
    const auto made = parseJson(::testing::internal::GetCapturedStdout());
    ASSERT_TRUE(made);
    EXPECT_EQ(made->value("public_key", "").size(), 64u);
    struct stat status{};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(makeKey(file, true), 1) << "another key is never overwritten";
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("->"), std::string::npos);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tinsmith::ctl
