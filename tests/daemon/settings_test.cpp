#include "daemon/settings.hpp"

#include <stdlib.h>

#include <fstream>
#include <map>

#include "tests/daemon/on_loop.hpp"

namespace tinsmith::daemon {
namespace {

class SettingsTest : public testing::Test {
  protected:
    Result<DaemonSettings> load(const std::string& text) {
        std::ofstream(file()) << text;
        return loadSettings(file());
    }
    std::filesystem::path file() const { return folder_.path() / "tinsmithd.toml"; }
    TemporaryFolder folder_;
};

const std::string kShipped = TINSMITH_SOURCE_DIR "/config/tinsmithd.toml";

// Section and key of every line that sets one.
std::map<std::string, std::string> documented() {
    std::map<std::string, std::string> keys;
    std::ifstream in(kShipped);
    std::string section;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with('[')) section = line.substr(1, line.find(']') - 1);
        const auto equals = line.find(" = ");
        if (line.starts_with('#') || equals == std::string::npos) continue;
        std::string value = line.substr(equals + 3);
        value = value.substr(0, value.find('#'));
        value.erase(value.find_last_not_of(' ') + 1);
        keys[section + "." + line.substr(0, equals)] = value;
    }
    return keys;
}

TEST_F(SettingsTest, ShippedFileDocumentsEveryKeyWithItsDefault) {
    const auto shipped = loadSettings(kShipped);
    ASSERT_TRUE(shipped.has_value()) << shipped.error().message;
    const auto empty = load("");
    ASSERT_TRUE(empty.has_value()) << empty.error().message;
    EXPECT_EQ(listSettings(*shipped), listSettings(*empty));
    const auto text = documented();
    const auto known = listSettings(*empty);
    EXPECT_EQ(text.size(), known.size());
    for (const auto& [key, value] : known) {
        const auto line = text.find(key);
        ASSERT_NE(line, text.end()) << key << " is not documented";
        EXPECT_TRUE(line->second == value || line->second == "\"auto\"")
            << key << " = " << line->second << ", not " << value;
    }
    EXPECT_TRUE(empty->house.askers.empty());
}

TEST_F(SettingsTest, ReadsEverySort) {
    const auto settings = load(R"(
[gateway]
root = "tinsmith/kitchen"
[paths]
state = "state"
[log]
level = "debug"
[broker]
port = 18830
[planner]
minutes = 0.5
[llm]
url = "http://127.0.0.1:11434/v1"
model = "m"
json_schema = false
[rollout]
waves = [0.25, 1]
[askers.alice]
allow = ["*"]
[askers.panel]
allow = ["health", "job.list"]
)");
    ASSERT_TRUE(settings.has_value()) << settings.error().message;
    EXPECT_EQ(settings->house.root, "tinsmith/kitchen");
    EXPECT_EQ(settings->house.stateDir, folder_.path() / "state");
    EXPECT_EQ(settings->house.dataDir, folder_.path() / "state/data");
    EXPECT_EQ(settings->signingKey, folder_.path() / "state/signing.key");
    EXPECT_EQ(settings->signingPublicKey, folder_.path() / "state/signing.key.pub");
    EXPECT_EQ(settings->logLevel, Level::debug);
    EXPECT_EQ(settings->broker.port, 18830);
    EXPECT_EQ(settings->house.planner.minutes, 0.5);
    EXPECT_FALSE(settings->llm.jsonSchema);
    EXPECT_EQ(settings->house.rollout.waves, (std::vector<double>{0.25, 1}));
    EXPECT_EQ(settings->house.askers.at("panel").allow,
              (std::vector<std::string>{"health", "job.list"}));
}

struct Bad {
    const char* text;
    const char* line;  // what the message names
    const char* what;
    const char* remedy;
};

TEST_F(SettingsTest, RefusesWithLineAndRemedy) {
    const std::vector<Bad> cases = {
        {"[broker]\nhots = \"x\"\n", ":2:", "unknown key broker.hots", "broker.host"},
        {"[brokr]\nhost = \"x\"\n", ":1:", "unknown key brokr", "broker"},
        {"port = 1\n", ":1:", "unknown key port", ""},
        {"[broker]\n\nport = \"1883\"\n", ":3:", "whole number", "quotes"},
        {"[broker]\nport = 1.5\n", ":2:", "whole number", "point"},
        {"[broker]\nport = 70000\n", ":2:", "out of range", "65535"},
        {"[gateway]\nroot = 3\n", ":2:", "string", "quotes"},
        {"[llm]\njson_schema = \"yes\"\n", ":2:", "true or false", "quotes"},
        {"[planner]\nminutes = -1\n", ":2:", "out of range", "0.1"},
        {"[log]\nlevel = \"loud\"\n", ":2:", "log.level", "debug"},
        {"[rollout]\nwaves = [0.5, 0.25]\n", ":2:", "rise", "1.0"},
        {"[rollout]\nwaves = [0.5]\n", ":2:", "end at 1.0", "1.0"},
        {"[rollout]\nwaves = []\n", ":2:", "list", "1.0"},
        {"broker = 3\n", ":1:", "table", "[broker]"},
        {"[askers.al]\nallow = [\"*\", \"fly\"]\n", ":2:", "'fly' is no right", "dataset.import"},
        {"[askers.\"a/b\"]\nallow = [\"*\"]\n", ":1:", "no name", ""},
        {"[askers.al]\nallow = [\"*\"]\nmore = 1\n", "", "nothing else", "allow"},
        {"[gateway]\nroot = \"a/#\"\n", "", "wildcards", "kitchen"},
        {"[llm]\nurl = \"ftp://x\"\nmodel = \"m\"\n", "", "http", "11434"},
        {"[llm]\nurl = \"http://x\"\n", "", "llm.model", "model"},
        {"[broker\nport = 1\n", ":1:", "not TOML", "toml.io"},
    };
    for (const auto& bad : cases) {
        const auto settings = load(bad.text);
        ASSERT_FALSE(settings.has_value()) << bad.text;
        EXPECT_EQ(settings.error().code, Code::schema);
        EXPECT_NE(settings.error().message.find(file().string() + bad.line), std::string::npos)
            << settings.error().message;
        EXPECT_NE(settings.error().message.find(bad.what), std::string::npos)
            << settings.error().message;
        EXPECT_NE(settings.error().hint.find(bad.remedy), std::string::npos)
            << settings.error().hint;
    }
    EXPECT_NE(loadSettings("/nonexistent.toml").error().hint.find("--config"), std::string::npos);
}

TEST_F(SettingsTest, SecretsComeFromFileCredentialOrVariable) {
    const auto secretFile = folder_.path() / "secret";
    std::ofstream(secretFile) << "from-file\r\nmore\n";
    std::ofstream(folder_.path() / "llm-key") << "from-credential\n";
    ::setenv("TINSMITH_TEST_KEY", "from-variable", 1);
    EXPECT_EQ(*readSecret({}, "llm-key", "TINSMITH_TEST_KEY"), "from-variable");
    ::setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
    EXPECT_EQ(*readSecret({}, "llm-key", "TINSMITH_TEST_KEY"), "from-credential");
    EXPECT_EQ(*readSecret(secretFile, "llm-key", "TINSMITH_TEST_KEY"), "from-file");
    ::unsetenv("CREDENTIALS_DIRECTORY");
    EXPECT_FALSE(readSecret(folder_.path() / "absent", "llm-key", "").has_value());
    EXPECT_EQ(*readSecret({}, "llm-key", ""), "");
}

}  // namespace
}  // namespace tinsmith::daemon
