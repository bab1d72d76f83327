// The program tinsmith-device: factory, running, the lock, the control socket, CSV files.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "firmware/image/device_control.hpp"
#include "firmware/image/device_sensor.hpp"
#include "tests/firmware/device/harness.hpp"

namespace tinsmith::test {
namespace {

using namespace std::chrono_literals;

pid_t launch(std::vector<std::string> words, const std::filesystem::path& errors) {
    words.insert(words.begin(), program("tinsmith-device").string());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        const int fd = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(fd, STDERR_FILENO);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    return child;
}

int exitCode(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

struct ToolTest : ::testing::Test {
    Folder folder;
    KeyFile key{folder};
};

TEST_F(ToolTest, PlainFormMakesAndRunsADevice) {
    Broker broker(folder);
    Gateway gateway(broker.port(), key.key);
    const std::string flash = folder / "press.flash";
    const std::vector<std::string> words = {
        "--id",           "press",
        "--flash",        flash,
        "--broker",       "127.0.0.1:" + std::to_string(broker.port()),
        "--root",         kRoot,
        "--key",          key.path.string(),
        "--sensor",       "motor:normal",
        "--firmware-dir", firmwareDir().string()};
    const pid_t device = launch(words, folder / "errors");
    const auto online = [&] {
        return gateway.hellos.contains("press") && gateway.hellos["press"].online;
    };
    ASSERT_TRUE(gateway.wait(20s, online)) << readText(folder / "errors");

    EXPECT_EQ(exitCode(launch({"run", "--flash", flash}, folder / "second")), 1);
    EXPECT_NE(readText(folder / "second").find("another emulator runs on"), std::string::npos);

    EXPECT_EQ(exitCode(launch({"sensor", "--flash", flash, "motor:imbalance"}, folder / "out")), 0);
    EXPECT_EQ(exitCode(launch({"sensor", "--flash", flash, "motor:fire"}, folder / "out")), 1);
    EXPECT_NE(readText(folder / "out").find("no condition"), std::string::npos);

    EXPECT_EQ(exitCode(launch({"power", "--flash", flash, "reset"}, folder / "out")), 0);
    EXPECT_TRUE(
        gateway.wait(20s, [&] { return online() && gateway.hellos["press"].bootCount == 2; }));
    EXPECT_EQ(exitCode(launch({"power", "--flash", flash, "cut"}, folder / "out")), 0);
    EXPECT_TRUE(
        gateway.wait(20s, [&] { return online() && gateway.hellos["press"].bootCount == 3; }));

    ::kill(device, SIGTERM);
    EXPECT_EQ(exitCode(device), 0);
    EXPECT_FALSE(std::filesystem::exists(image::controlOf(flash)));
    EXPECT_EQ(exitCode(launch({"power", "--flash", flash, "cut"}, folder / "out")), 1);
    EXPECT_NE(readText(folder / "out").find("no device runs on"), std::string::npos);
}

TEST_F(ToolTest, FactoryRefusesNonsense) {
    image::FactorySettings good;
    good.flash = folder / "x.flash";
    good.firmwareDir = firmwareDir();
    good.signer = program("tinsmith-sign");
    good.key = key.path;
    good.id = "x";
    good.broker = "192.168.1.5:1883";
    good.root = kRoot;
    const auto refused = [&](auto change) {
        image::FactorySettings settings = good;
        change(settings);
        return !image::makeFactoryFlash(settings).has_value() &&
               !std::filesystem::exists(good.flash);
    };
    EXPECT_TRUE(refused([](auto& s) { s.id = "a/b"; }));
    EXPECT_TRUE(refused([](auto& s) { s.broker = "localhost:1883"; }));
    EXPECT_TRUE(refused([](auto& s) { s.broker = "1.2.3.4"; }));
    EXPECT_TRUE(refused([](auto& s) { s.broker = "1.2.3.4:99999"; }));
    EXPECT_TRUE(refused([](auto& s) { s.root = ""; }));
    EXPECT_TRUE(refused([](auto& s) { s.user = std::string(64, 'u'); }));
    EXPECT_TRUE(refused([](auto& s) { s.key = "/nowhere"; }));
    EXPECT_TRUE(refused([](auto& s) { s.firmwareDir = "/nowhere"; }));
    ASSERT_TRUE(image::makeFactoryFlash(good));
    EXPECT_FALSE(image::makeFactoryFlash(good)) << "an existing device was overwritten";
}

std::vector<float> take(image::Sensor& sensor, std::size_t count) {
    std::vector<float> out;
    for (std::size_t i = 0; i < count; ++i) {
        const auto sample = sensor.next();
        out.insert(out.end(), sample.begin(), sample.end());
    }
    return out;
}

TEST_F(ToolTest, CsvSensor) {
    const std::string path = folder / "rows.csv";
    std::ofstream(path) << "time,x,label,y\r\n0,1.5,a,2\n1,3.5,b,-4e2\n";
    const auto read = [&](std::vector<std::string> columns) {
        image::SensorSettings settings;
        settings.columns = std::move(columns);
        return image::makeSensor(path, settings);
    };
    EXPECT_EQ(take(**read({"x", "y"}), 3), (std::vector<float>{1.5, 2, 3.5, -400, 1.5, 2}));
    EXPECT_EQ(take(**read({"2"}), 2), (std::vector<float>{1.5, 3.5}));
    EXPECT_EQ(take(**read({}), 1), (std::vector<float>{0, 1.5, 2}));
    EXPECT_FALSE(read({"z"}));
    EXPECT_FALSE(read({"label"}));
    EXPECT_FALSE(image::makeSensor("/nowhere.csv", {}));
    EXPECT_FALSE(image::makeSensor("motor:fire", {}));
}

}  // namespace
}  // namespace tinsmith::test
