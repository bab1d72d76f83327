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

// The example of a provider in the shipped file, as a file of its own.
TEST_F(SettingsTest, ShippedFileDocumentsEveryKeyOfAProviderWithItsDefault) {
    std::ifstream in(kShipped);
    std::string text;
    std::size_t keys = 0;
    for (std::string line; std::getline(in, line);) {
        if (line == "# [[llm]]") text = "[[llm]]\n";
        if (text.empty() || !line.starts_with("# ") || !line.contains(" = ")) continue;
        ++keys;
        if (line.starts_with("# url = \"\"") || line.starts_with("# model = \"\"")) continue;
        text += line.substr(2) + "\n";
    }
    const std::string given = "url = \"http://x\"\nmodel = \"m\"\n";
    const auto shipped = load(text + given);
    ASSERT_TRUE(shipped.has_value()) << shipped.error().message << text;
    const auto bare = load("[[llm]]\n" + given);
    ASSERT_TRUE(bare.has_value()) << bare.error().message;
    EXPECT_EQ(listSettings(*shipped), listSettings(*bare));
    const auto none = load("");
    ASSERT_TRUE(none.has_value()) << none.error().message;
    EXPECT_EQ(keys, listSettings(*bare).size() - listSettings(*none).size())
        << "some key is not documented";
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
[[llm]]
kind = "anthropic"
url = "https://models.example/v1"
model = "large"
key_file = "key"
[[llm]]
name = "gpu"
url = "http://127.0.0.1:11434/v1"
model = "m"
json_schema = false
key_credential = "llm-key-gpu"
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
    ASSERT_EQ(settings->llm.size(), 2u);
    const LlmOptions& cloud = settings->llm[0];
    EXPECT_EQ(cloud.name, "large") << "the model's name where it has none of its own";
    EXPECT_EQ(cloud.kind, LlmKind::anthropic);
    EXPECT_EQ(cloud.keyFile, folder_.path() / "key");
    EXPECT_EQ(cloud.keyCredential + "," + cloud.keyVariable, "llm-key,TINSMITH_LLM_KEY");
    const LlmOptions& gpu = settings->llm[1];
    EXPECT_EQ(gpu.name, "gpu");
    EXPECT_FALSE(gpu.jsonSchema);
    EXPECT_EQ(gpu.keyCredential + "," + gpu.keyVariable, "llm-key-gpu,")
        << "the first server's key is not for the second";
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
        {"[[llm]]\njson_schema = \"yes\"\n", ":2:", "true or false", "quotes"},
        {"[[llm]]\n\nmodle = \"m\"\n", ":3:", "unknown key llm.modle", "llm.model"},
        {"[llm]\nurl = \"http://x\"\n", ":1:", "list of tables", "[[llm]]"},
        {"[[llm]]\nkind = \"other\"\n", ":2:", "llm.kind is unknown", "ollama"},
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
        {"[[llm]]\nurl = \"ftp://x\"\nmodel = \"m\"\n", "", "http", "11434"},
        {"[[llm]]\nurl = \"http://x\"\n", "", "llm.model", "model"},
        {"[[llm]]\nurl = \"http://me:secret@x\"\nmodel = \"m\"\n", "", "password", "key_file"},
        {"[[llm]]\nurl = \"http://x\"\nmodel = \"m\"\n[[llm]]\nurl = \"http://y\"\nmodel = \"m\"\n",
         "", "two of [[llm]] are called m", "name"},
        {"[[llm]]\nurl = \"http://x\"\nmodel = \"m\"\npause_s = 10\npause_max_s = 9\n", "",
         "pause_max_s", "long"},
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
    LlmOptions model;
    model.keyFile = secretFile;
    EXPECT_EQ(withKey(model)->key, "from-file");
    std::ofstream(secretFile) << "two\twords\n";
    EXPECT_FALSE(withKey(model).has_value()) << "it would go into a header";
}

}  // namespace
}  // namespace tinsmith::daemon
