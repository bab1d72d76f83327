// Emulated devices with a real broker: boot, recording, reconnecting, updating, reverting.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <thread>

#include "firmware/image/device_control.hpp"
#include "firmware/image/device_sensor.hpp"
#include "firmware/wire/sensor_frame.hpp"
#include "tests/firmware/device/harness.hpp"

namespace tinsmith::test {
namespace {

using namespace std::chrono_literals;

struct DeviceTest : ::testing::Test {
    Folder folder;
    Broker broker{folder};
    KeyFile key{folder};
    Gateway gateway{broker.port(), key.key};

    bool online(const std::string& id) {
        return gateway.hellos.contains(id) && gateway.hellos[id].online;
    }
    bool waitOnline(const std::string& id) {
        return gateway.wait(10s, [&] { return online(id); });
    }
    bool running(const std::string& id, const wire::Digest& digest, bool trial) {
        return online(id) && gateway.hellos[id].runningDigest == digest &&
               gateway.hellos[id].trial == trial;
    }
    Update updateB(std::uint32_t counter = 2) {
        return signedUpdate(key.key, firmwareDir() / "factory-b.bin", 1, counter);
    }
};

TEST_F(DeviceTest, SaysHello) {
    const auto flash = makeDevice(folder, key, "d1", broker.port());
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(waitOnline("d1")) << readText(flash.string() + ".log");
    const wire::Hello& hello = gateway.hellos["d1"];
    EXPECT_EQ(hello.board.view(), "mps2-an386");
    EXPECT_EQ(hello.runningSlot, 0);
    EXPECT_FALSE(hello.trial);
    EXPECT_EQ(hello.bootCount, 1u);
    EXPECT_TRUE(hello.slots[0].valid);
    EXPECT_FALSE(hello.slots[1].valid);

    // The reset button: another boot, another nonce, and the will does not stay.
    ASSERT_TRUE(emulator.reset());
    const wire::Nonce before = hello.nonce;
    ASSERT_TRUE(
        gateway.wait(10s, [&] { return online("d1") && gateway.hellos["d1"].bootCount == 2; }));
    EXPECT_NE(gateway.hellos["d1"].nonce, before);
    emulator.cut();
    EXPECT_TRUE(gateway.wait(60s, [&] { return !gateway.hellos["d1"].online; }))
        << "the will was not sent";
}

TEST_F(DeviceTest, RecordsExactlyWhatTheSensorSaw) {
    const auto flash = makeDevice(folder, key, "d1", broker.port());
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(waitOnline("d1"));
    wire::Command command{};
    command.kind = wire::CommandKind::sample;
    command.channels = 3;
    command.length = 200;
    command.stride = 150;
    command.count = 4;
    ASSERT_TRUE(command.id.assign("r1"));
    gateway.command("d1", command);
    std::this_thread::sleep_for(300ms);

    std::vector<float> rows;
    std::uint8_t sequence = 0;
    const auto done = [&] { return gateway.samples["d1"].size() >= 4; };
    for (int i = 0; i < 1500 && !gateway.wait(1ms, done); ++i) {
        const std::array<float, 3> row = {static_cast<float>(i) * 0.37f,
                                          std::sin(static_cast<float>(i)), -1e-20f};
        std::array<std::uint8_t, wire::kMaxFrameBytes> frame{};
        const std::size_t size = wire::encodeSensorFrame(row, sequence++, frame);
        for (int again = 0; !emulator.feed({frame.data(), size}); ++again) {
            ASSERT_LT(again, 2000) << "the device does not listen";
            std::this_thread::sleep_for(1ms);
        }
        rows.insert(rows.end(), row.begin(), row.end());
    }
    ASSERT_TRUE(gateway.wait(5s, done));
    for (std::uint32_t i = 0; i < 4; ++i) {
        wire::Sample sample;
        ASSERT_TRUE(wire::decode(gateway.samples["d1"][i], sample));
        EXPECT_EQ(sample.id.view(), "r1");
        EXPECT_EQ(sample.index, i);
        ASSERT_EQ(sample.channels, 3);
        ASSERT_EQ(sample.length, 200);
        ASSERT_EQ(sample.values.size(), 200u * 3 * 4);
        EXPECT_EQ(std::memcmp(sample.values.data(), rows.data() + std::size_t{i} * 150 * 3,
                              sample.values.size()),
                  0)
            << "window " << i;
    }
    std::this_thread::sleep_for(300ms);
    EXPECT_EQ(gateway.samples["d1"].size(), 4u);
}

TEST_F(DeviceTest, SurvivesABrokerRestart) {
    const auto flash = makeDevice(folder, key, "d1", broker.port());
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(waitOnline("d1"));
    const auto count = [&] { return gateway.helloHistory["d1"].size(); };
    const std::size_t before = count();
    broker.stop();
    std::this_thread::sleep_for(1500ms);
    broker.start();
    EXPECT_TRUE(gateway.wait(15s, [&] { return count() > before && online("d1"); }));
    EXPECT_EQ(gateway.hellos["d1"].bootCount, 1u);
}

// The same platform on a core without FPU and DSP extension.
TEST_F(DeviceTest, ACortexM3UpdatesToo) {
    const std::string board = "mps2-an385";
    const auto flash = makeDevice(folder, key, "m3", broker.port(), 600, board);
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(waitOnline("m3")) << readText(flash.string() + ".log");
    EXPECT_EQ(gateway.hellos["m3"].board.view(), board);
    // What was made for the other board is refused before a byte of it is fetched.
    gateway.offer("m3", updateB(), 1);
    ASSERT_TRUE(gateway.wait(10s, [&] { return !gateway.updates["m3"].empty(); }));
    EXPECT_EQ(gateway.updates["m3"].back().state, wire::UpdateState::refused);
    EXPECT_EQ(gateway.blocksServed, 0U);
    const Update update = signedUpdate(key.key, firmwareDir(board) / "factory-b.bin", 1, 2, board);
    gateway.offer("m3", update, 2);
    ASSERT_TRUE(gateway.wait(30s, [&] { return running("m3", update.digest, false); }))
        << readText(flash.string() + ".log");
    ASSERT_TRUE(gateway.wait(20s, [&] { return gateway.telemetry.contains("m3"); }));
    std::printf("stack high water %u bytes\n", gateway.telemetry["m3"].stackHigh);
    EXPECT_LE(gateway.telemetry["m3"].stackHigh, 6144U);
}

TEST_F(DeviceTest, UpdateIsTriedAndConfirmed) {
    const auto flash = makeDevice(folder, key, "d1", broker.port());
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(waitOnline("d1"));
    const Update update = updateB();
    const auto start = std::chrono::steady_clock::now();
    gateway.offer("d1", update, 1);
    ASSERT_TRUE(gateway.wait(30s, [&] { return running("d1", update.digest, false); }))
        << readText(flash.string() + ".log");
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("update of %zu bytes: %.2f s\n", update.image.size(), took.count());
    EXPECT_EQ(gateway.hellos["d1"].runningSlot, 1);
    EXPECT_EQ(gateway.updates["d1"].back().state, wire::UpdateState::confirmed);
    // Back into slot A with the next one: the free slot is always the other one.
    const Update back = signedUpdate(key.key, firmwareDir() / "factory-a.bin", 0, 3);
    gateway.offer("d1", back, 2);
    ASSERT_TRUE(gateway.wait(30s, [&] { return running("d1", back.digest, false); }));
    // The telemetry comes ten seconds after a boot; the deepest stack so far must be within what
    // board.toml promises.
    ASSERT_TRUE(gateway.wait(20s, [&] { return gateway.telemetry.contains("d1"); }));
    std::printf("stack high water %u bytes, lwIP heap free %u bytes\n",
                gateway.telemetry["d1"].stackHigh, gateway.telemetry["d1"].heapFree);
    EXPECT_LE(gateway.telemetry["d1"].stackHigh, 6144u);
}

TEST_F(DeviceTest, RevertsWhenNoGatewayAnswers) {
    const auto flash = makeDevice(folder, key, "d1", broker.port(), 3);
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(waitOnline("d1"));
    const wire::Digest old = gateway.hellos["d1"].runningDigest;
    const Update update = updateB();
    gateway.answerAlive = false;
    gateway.offer("d1", update, 1);
    ASSERT_TRUE(gateway.wait(30s, [&] { return running("d1", update.digest, true); }));
    ASSERT_TRUE(gateway.wait(20s, [&] { return running("d1", old, false); }))
        << readText(flash.string() + ".log");
    EXPECT_EQ(gateway.hellos["d1"].failure, wire::Reason::no_gateway);
    EXPECT_EQ(gateway.hellos["d1"].failureDigest, update.digest);
}

TEST_F(DeviceTest, DownloadResumesAfterAPowerCut) {
    const auto flash = makeDevice(folder, key, "d1", broker.port());
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(waitOnline("d1"));
    const Update update = updateB();
    gateway.blockLimit = 30;
    gateway.offer("d1", update, 1);
    // It goes by what is in flash when it asks for more.
    ASSERT_TRUE(gateway.wait(20s, [&] { return gateway.firstMissing == gateway.blockLimit; }));
    emulator.cut();
    gateway.blockLimit = UINT64_MAX;
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(gateway.wait(30s, [&] { return running("d1", update.digest, false); }))
        << readText(flash.string() + ".log");
    const std::uint64_t total = (update.image.size() + wire::kBlockSize - 1) / wire::kBlockSize;
    EXPECT_LT(gateway.blocksServed, total + 20) << "blocks that were there already came again";
}

TEST_F(DeviceTest, ForgedOfferIsRefused) {
    const auto flash = makeDevice(folder, key, "d1", broker.port());
    image::Emulator emulator(emulatorFor(flash));
    ASSERT_TRUE(emulator.start());
    ASSERT_TRUE(waitOnline("d1"));
    const image::SigningKey other = image::temporaryKey();
    Gateway forger(broker.port(), other);
    forger.offer("d1", signedUpdate(other, firmwareDir() / "factory-b.bin", 1, 9), 9);
    ASSERT_TRUE(gateway.wait(10s, [&] { return !gateway.updates["d1"].empty(); }));
    EXPECT_EQ(gateway.updates["d1"].back().state, wire::UpdateState::refused);
    EXPECT_EQ(gateway.updates["d1"].back().reason, wire::Reason::bad_signature);
}

}  // namespace
}  // namespace tinsmith::test
