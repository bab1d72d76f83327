#include "tests/handlers/rollout/air.hpp"

namespace tinsmith::testing {
namespace {

template <class Message>
std::string encoded(const Message& message) {
    std::array<std::uint8_t, 2048> out{};
    const std::size_t size = wire::encode(message, out);
    return {reinterpret_cast<const char*>(out.data()), size};
}

TEST(Fleet, ListsDevicesThatSaidHello) {
    Air air;
    air.add("d0", {}, {});
    air.add("d1", {}, {"b", "a", "a"});
    const Json devices = *air.fleet->devices();
    ASSERT_EQ(devices.size(), 2u);
    EXPECT_EQ(devices[0]["groups"], Json::array());
    EXPECT_EQ(devices[1]["groups"], Json::array({"a", "b"}));
    EXPECT_EQ(devices[0]["board"], "mps2-an386");
    EXPECT_EQ(devices[0]["online"], true);
    EXPECT_EQ(air.fleet->device("nobody").error().code, Code::unknown_device);
    EXPECT_EQ(air.fleet->setGroups("nobody", {}).error().code, Code::unknown_device);
}

TEST(Fleet, RemembersDevicesAndForgetsRemovedOnes) {
    Air air;
    air.add("d0");
    air.add("d1");
    air.run(1000);
    air.restart();
    EXPECT_EQ(air.fleet->devices()->size(), 2u);
    EXPECT_TRUE(air.fleet->remove("d0"));
    EXPECT_EQ(air.fleet->devices()->size(), 1u);
    // The broker is told to forget the hello, else it would bring the device back.
    const Publication& last = air.world.broker.sent.back();
    EXPECT_EQ(last.topic, "tinsmith/gw/device/d0/hello");
    EXPECT_TRUE(last.retain);
    EXPECT_TRUE(last.payload.empty());
    EXPECT_FALSE(air.world.journal.records.contains({"device", "d0"}));
}

TEST(Fleet, HellosAreWrittenTogetherAndOnlyWhenSomethingChanged) {
    Air air;
    for (int i = 0; i < 50; ++i) air.add("d" + std::to_string(i), {}, {});
    air.run(1000);
    EXPECT_LE(air.world.journal.commits, 2);
    const int before = air.world.journal.commits;
    for (auto& [id, device] : air.devices) device->connect(air.now());
    air.run(1000);
    EXPECT_EQ(air.world.journal.commits, before);
}

TEST(Fleet, AnswersADeviceOnTrialOverItsNonce) {
    Air air;
    SimulatedDevice& device = air.add("d0", {}, {});
    const auto commands = [&] { return air.world.broker.to("tinsmith/gw/device/d0/command"); };
    EXPECT_TRUE(commands().empty());
    wire::Hello hello = device.hello();
    hello.trial = true;
    hello.nonce.fill(0x5A);
    air.fleet->receive({"tinsmith/gw/device/d0/hello", encoded(hello), true, {}, {}, {}});
    ASSERT_EQ(commands().size(), 1u);
    wire::Command command;
    const std::string sent = commands()[0];
    ASSERT_TRUE(wire::decode(
        std::span(reinterpret_cast<const std::uint8_t*>(sent.data()), sent.size()), command));
    EXPECT_EQ(command.kind, wire::CommandKind::alive);
    EXPECT_EQ(command.nonce, hello.nonce);
    EXPECT_EQ(command.signature[0],
              2 + 1 + 16 + 32);  // the fake signs with the length: id, NUL, nonce, digest
}

TEST(Fleet, ForeignBytesAreCountedAndChangeNothing) {
    Air air;
    SimulatedDevice& device = air.add("d0");
    const Json before = air.fleet->device("d0").value();
    std::uint32_t seed = 1;
    for (int i = 0; i < 3000; ++i) {
        std::string bytes;
        seed = seed * 1664525u + 1013904223u;
        for (std::uint32_t n = seed >> 20; n > 0 && bytes.size() < 300; n = n > 7 ? n - 7 : 0) {
            seed = seed * 1664525u + 1013904223u;
            bytes.push_back(static_cast<char>(seed >> 24));
        }
        for (const char* leaf :
             {"hello", "need", "update", "sample", "result", "telemetry", "other"}) {
            air.fleet->receive(
                {std::string("tinsmith/gw/device/d0/") + leaf, bytes, false, {}, {}, {}});
        }
    }
    wire::Hello other = device.hello();
    (void)other.deviceId.assign("d1");
    air.fleet->receive({"tinsmith/gw/device/d0/hello", encoded(other), true, {}, {}, {}});
    for (const char* topic :
         {"", "tinsmith/gw/device/", "tinsmith/gw/device/x/y/hello", "other/device/d0/hello",
          "tinsmith/gw/device/a b/hello", "tinsmith/gw"}) {
        air.fleet->receive({topic, encoded(other), true, {}, {}, {}});
    }
    Json after = air.fleet->device("d0").value();
    after.erase("dropped_messages");
    EXPECT_EQ(after, before);
    EXPECT_EQ(air.fleet->devices()->size(), 1u);
    EXPECT_GT(air.fleet->health()["malformed"], 1000);
}

TEST(Fleet, TheNumberOfDevicesIsBounded) {
    Air air;
    SimulatedDevice& model = air.add("d0", {}, {});
    wire::Hello hello = model.hello();
    for (int i = 0; i < 1100; ++i) {
        const std::string id = "x" + std::to_string(i);
        (void)hello.deviceId.assign(id);
        air.fleet->receive(
            {"tinsmith/gw/device/" + id + "/hello", encoded(hello), true, {}, {}, {}});
    }
    EXPECT_EQ(air.fleet->devices()->size(), 1000u);
    EXPECT_EQ(air.fleet->health()["turned_away"], 101);
}

TEST(Fleet, AFloodFromOneDeviceIsDropped) {
    Air air;
    air.add("d0");
    wire::Result result;
    (void)result.label.assign("normal");
    result.classCount = 2;
    for (int i = 0; i < 5000; ++i) {
        air.fleet->receive({"tinsmith/gw/device/d0/result", encoded(result), false, {}, {}, {}});
    }
    const Json device = air.fleet->device("d0").value();
    EXPECT_LE(device["results"]["count"], 2000);
    EXPECT_GE(device["dropped_messages"], 3000);
    EXPECT_EQ(device["results"]["classes"]["normal"], device["results"]["count"]);
}

TEST(Fleet, TelemetryAndResultsStayOutOfTheJournal) {
    Air air;
    air.add("d0");
    air.run(1000);
    const int before = air.world.journal.commits;
    wire::Telemetry telemetry;
    telemetry.windows = 42;
    air.fleet->receive({"tinsmith/gw/device/d0/telemetry", encoded(telemetry), false, {}, {}, {}});
    air.run(1000);
    EXPECT_EQ(air.world.journal.commits, before);
    EXPECT_EQ(air.fleet->device("d0").value()["telemetry"]["windows"], 42);
}

}  // namespace
}  // namespace tinsmith::testing
