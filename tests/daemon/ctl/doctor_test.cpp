#include "daemon/ctl/doctor.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/ctl/commands.hpp"
#include "daemon/ctl/run.hpp"
#include "tests/e2e/scripted_model.hpp"

namespace tinsmith::ctl {
namespace {

TEST(Run, OutputStatusAndPatience) {
    const Ran echo = run({"sh", "-c", "echo hello; exit 3"}, 5000);
    EXPECT_TRUE(echo.started);
    EXPECT_EQ(echo.code, 3);
    EXPECT_EQ(echo.output, "hello\n");
    EXPECT_FALSE(run({"/nonexistent/program"}, 1000).started);
    EXPECT_EQ(run({"sleep", "60"}, 100).code, -1);
}

TEST(Doctor, NamesTheRemedyForEverythingThatIsMissing) {
    std::string folder =
        (std::filesystem::temp_directory_path() / "tinsmith-doctor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    daemon::DaemonSettings settings;
    settings.house.stateDir = folder;
    settings.house.firmwareDir = folder;
    settings.house.programDir = folder;
    settings.house.board = "no-such-board";
    settings.signingKey = folder + "/signing.key";
    settings.signingPublicKey = folder + "/signing.key.pub";
    settings.bubblewrap = folder + "/bwrap";

    const auto key = [&] { return examineKey(settings).at(0); };
    EXPECT_EQ(key().verdict, Verdict::fail);
    EXPECT_NE(key().remedy.find("tinsmith key new"), std::string::npos);
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(makeKey(settings.signingKey, false), 0);
    (void)::testing::internal::GetCapturedStdout();
    EXPECT_EQ(key().verdict, Verdict::ok) << key().text;
    ::chmod(settings.signingKey.c_str(), 0644);
    EXPECT_EQ(key().verdict, Verdict::fail);
    EXPECT_NE(key().remedy.find("chmod 600"), std::string::npos);

    int missing = 0;
    for (const Finding& finding : examineTools(settings)) {
        if (finding.verdict == Verdict::ok) continue;
        ++missing;
        EXPECT_FALSE(finding.remedy.empty()) << finding.subject;
    }
    EXPECT_GE(missing, 6) << "machine, cage, four programs, board";

    EXPECT_EQ(examineDisk(settings).at(0).subject, "disk");
    settings.house.quotas.reserveBytes = std::uint64_t{1} << 60;
    EXPECT_EQ(examineDisk(settings).at(0).verdict, Verdict::fail);

    EXPECT_EQ(examinePlanner(settings).at(0).verdict, Verdict::ok) << "the built-in search";
    settings.llm.resize(2);
    settings.llm[0].name = "near";
    settings.llm[1].name = "far";
    for (daemon::LlmOptions& model : settings.llm) model.url = "http://127.0.0.1:1/v1";
    const auto planners = examinePlanner(settings);
    ASSERT_EQ(planners.size(), 2u) << "each is tried";
    EXPECT_EQ(planners[0].verdict, Verdict::fail);
    EXPECT_EQ(planners[1].subject, "planner far");
    EXPECT_FALSE(examineClock().empty());
    std::filesystem::remove_all(folder);
}

TEST(Doctor, EachLanguageModelIsAskedAndItsFaultNamesARemedy) {
    const std::string key = "sk-0123456789abcdef";
    std::string file = (std::filesystem::temp_directory_path() / "tinsmith-key-XXXXXX").string();
    ::close(::mkstemp(file.data()));
    std::ofstream(file) << key << "\n";
    e2e::ScriptedModel server;
    daemon::DaemonSettings settings;
    daemon::LlmOptions& model = settings.llm.emplace_back();
    model.name = "gpu";
    model.model = "small";
    model.url = server.url();
    model.keyFile = file;
    model.timeoutS = 10;
    struct Case {
        int status;
        std::string body;
        Verdict verdict;
        const char* text;
        const char* remedy;
    };
    const Case cases[] = {
        {200, e2e::ScriptedModel::saying("ready"), Verdict::ok, "small at http", ""},
        {401, "you sent " + key, Verdict::fail, "HTTP 401: you sent ***", "key_file"},
        {404, R"({"error":"model 'small' not found"})", Verdict::fail, "not found", "mend model"},
        {200, "<html>", Verdict::fail, "not JSON", "kind"},
    };
    for (const Case& each : cases) {
        ASSERT_TRUE(server.open([&](int) { return std::pair(each.status, each.body); }));
        const Finding finding = examinePlanner(settings).at(0);
        EXPECT_EQ(finding.subject, "planner gpu");
        EXPECT_EQ(finding.verdict, each.verdict) << finding.text;
        EXPECT_TRUE(finding.text.contains(each.text)) << finding.text;
        EXPECT_TRUE(finding.remedy.contains(each.remedy)) << finding.remedy;
        EXPECT_FALSE((finding.text + finding.remedy).contains(key)) << finding.text;
    }
    std::filesystem::remove(file);
}

TEST(Doctor, ABrokerThatIsNotThere) {
    ClientOptions options;
    options.port = 1;
    const auto findings = examineBroker(options);
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].verdict, Verdict::fail);
    EXPECT_NE(findings[0].remedy.find("--broker"), std::string::npos);
}

}  // namespace
}  // namespace tinsmith::ctl
