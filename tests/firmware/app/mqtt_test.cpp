// The MQTT client against byte streams as a broker sends them, cut at every point.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/firmware/app/fake_mqtt.hpp"

namespace tinsmith::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct MqttTest : ::testing::Test {
    FakeTransport transport;
    FakeHandler handler;
    std::array<std::uint8_t, 300> buffer{};
    MqttClient client{transport, handler, buffer};

    void open(MqttOptions options = {.clientId = "d1"}) { ASSERT_TRUE(client.opened(options, 0)); }
    void feed(const Bytes& bytes, std::uint64_t now = 0) {
        ASSERT_EQ(client.receive(bytes, now), bytes.size());
    }
    void connect() {
        open();
        feed(packet(0x20, {0, 0}));
        transport.sent.clear();
        handler.events.clear();
    }
};

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST_F(MqttTest, ConnectCarriesWillAndCredentials) {
    const Bytes will{'b', 'y', 'e'};
    open({.clientId = "d1",
          .user = "u",
          .password = "pw",
          .willTopic = "w",
          .willPayload = will,
          .keepAliveS = 60});
    EXPECT_EQ(transport.sent,
              (Bytes{0x10, 29, 0,   4, 'M', 'Q', 'T', 'T', 4, 0xEE, 0,   60, 0, 2,   'd', '1',
                     0,    1,  'w', 0, 3,   'b', 'y', 'e', 0, 1,    'u', 0,  2, 'p', 'w'}));
    EXPECT_FALSE(client.connected());
    feed(packet(0x20, {0, 0}));
    EXPECT_TRUE(client.connected());
    EXPECT_THAT(handler.events, ElementsAre("connected"));
}

TEST_F(MqttTest, RefusalIsReported) {
    open();
    feed(packet(0x20, {0, 5}));
    EXPECT_TRUE(transport.closeAsked);
    client.closed();
    EXPECT_EQ(client.connectCode(), 5);
    EXPECT_THAT(handler.events,
                ElementsAre("closed " + std::to_string(static_cast<int>(MqttFault::refused))));
}

// All packet types with bodies shorter than, as long as, and longer than the buffer; one, two and
// three length bytes.
Bytes longStream() {
    return packet(0x20, {0, 0}) + packet(0x90, {0, 1, 0, 1}) + publishPacket("a", "") +
           publishPacket("block/1", std::string(120, 'x'), 7) + packet(0xD0, {}) +
           publishPacket("t", std::string(295, 'y'), 8, true) +
           publishPacket("long", std::string(20'000, 'z'), 9) + packet(0x40, {0, 3}) +
           packet(0x90, {0, 2, 0x80}) + packet(0xB0, {0, 4}) + publishPacket("b", "end");
}

std::vector<std::string> expectedEvents() {
    return {"connected",
            "subscribed 1 yes",
            "message a ",
            "message block/1 " + std::string(120, 'x'),
            "message t " + std::string(295, 'y') + " retained",
            "acknowledged 3",
            "subscribed 2 no",
            "message b end"};
}

const Bytes kAcknowledgements = {0x40, 2, 0, 7, 0x40, 2, 0, 8, 0x40, 2, 0, 9};

TEST(MqttSegmentation, EveryTwoPieces) {
    const Bytes stream = longStream();
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        FakeTransport transport;
        FakeHandler handler;
        std::array<std::uint8_t, 300> buffer{};
        MqttClient client(transport, handler, buffer);
        ASSERT_TRUE(client.opened({.clientId = "d"}, 0));
        transport.sent.clear();
        const std::span<const std::uint8_t> all(stream);
        ASSERT_EQ(client.receive(all.first(cut), 0), cut);
        ASSERT_EQ(client.receive(all.subspan(cut), 0), stream.size() - cut);
        ASSERT_EQ(handler.events, expectedEvents()) << "cut at " << cut;
        ASSERT_EQ(transport.sent, kAcknowledgements);
        ASSERT_EQ(client.skippedMessages(), 1u);
    }
}

TEST(MqttSegmentation, EveryPieceSize) {
    const Bytes stream = longStream();
    for (std::size_t size = 1; size < 600; ++size) {
        FakeTransport transport;
        FakeHandler handler;
        std::array<std::uint8_t, 300> buffer{};
        MqttClient client(transport, handler, buffer);
        ASSERT_TRUE(client.opened({.clientId = "d"}, 0));
        for (std::size_t at = 0; at < stream.size(); at += size) {
            const std::size_t count = std::min(size, stream.size() - at);
            ASSERT_EQ(client.receive({stream.data() + at, count}, 0), count);
        }
        ASSERT_EQ(handler.events, expectedEvents()) << "pieces of " << size;
    }
}

TEST_F(MqttTest, PublishAndSubscribeBytes) {
    connect();
    std::uint16_t id = 0;
    const Bytes payload{1, 2, 3};
    ASSERT_TRUE(client.publish("t", payload, 0, false));
    ASSERT_TRUE(client.publish("t", payload, 1, true, &id));
    EXPECT_EQ(id, 1);
    const MqttSubscription topics[] = {{"a", 0}, {"b/+", 1}};
    ASSERT_TRUE(client.subscribe(topics, &id));
    EXPECT_EQ(id, 2);
    ASSERT_TRUE(client.unsubscribe("a"));
    EXPECT_EQ(transport.sent,
              (Bytes{0x30, 6, 0, 1, 't', 1, 2, 3, 0x33, 8,   0,   1, 't',  0, 1, 1, 2, 3, 0x82, 12,
                     0,    2, 0, 1, 'a', 0, 0, 3, 'b',  '/', '+', 1, 0xA2, 5, 0, 3, 0, 1, 'a'}));
}

TEST_F(MqttTest, FullTransportSendsNothingInPart) {
    connect();
    const Bytes payload(100, 5);
    transport.room = 50;
    EXPECT_FALSE(client.publish("t", payload, 0, false));
    EXPECT_THAT(transport.sent, IsEmpty());
    transport.room = 1000;
    EXPECT_TRUE(client.publish("t", payload, 0, false));
    EXPECT_EQ(transport.sent.size(), 105u);
}

TEST_F(MqttTest, NoRoomForAnAcknowledgementHoldsTheStreamBack) {
    connect();
    transport.room = 4;
    const Bytes two = publishPacket("a", "1", 1) + publishPacket("a", "2", 2);
    const Bytes third = publishPacket("a", "3", 3);
    feed(two);  // there is room for one acknowledgement; the other one is due
    EXPECT_EQ(transport.sent, (Bytes{0x40, 2, 0, 1}));
    EXPECT_EQ(client.receive(third, 0), 0u);
    EXPECT_THAT(handler.events, ElementsAre("message a 1", "message a 2"));
    transport.room = 8;
    feed(third);
    EXPECT_THAT(handler.events, ElementsAre("message a 1", "message a 2", "message a 3"));
    EXPECT_EQ(transport.sent, (Bytes{0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3}));
}

TEST_F(MqttTest, LongMessageGoesOutInPieces) {
    connect();
    transport.room = 10;
    ASSERT_TRUE(client.beginPublish("t", 20, 1));
    EXPECT_FALSE(client.publish("t", {}, 0, false));  // nothing may come in between
    const Bytes piece(20, 9);
    std::size_t done = client.append(piece);
    EXPECT_EQ(done, 3u);
    feed(publishPacket("a", "1", 1));  // taken, but its acknowledgement must wait
    EXPECT_EQ(client.receive(publishPacket("a", "2", 2), 0), 0u);
    transport.room = 100;
    done += client.append(std::span(piece).subspan(done));
    EXPECT_EQ(done, 20u);
    EXPECT_EQ(client.append(piece), 0u);
    EXPECT_EQ(transport.sent, Bytes({0x32, 25, 0, 1, 't', 0, 1}) + piece + Bytes({0x40, 2, 0, 1}));
    feed(publishPacket("a", "2", 2));
}

TEST_F(MqttTest, KeepAlivePingsAndTimesOut) {
    connect();  // 30 s
    client.poll(22'000);
    EXPECT_THAT(transport.sent, IsEmpty());
    client.poll(22'500);
    EXPECT_EQ(transport.sent, (Bytes{0xC0, 0}));
    feed(packet(0xD0, {}), 22'600);
    client.poll(45'000);
    EXPECT_EQ(transport.sent, (Bytes{0xC0, 0, 0xC0, 0}));
    client.poll(74'000);
    EXPECT_FALSE(transport.closeAsked);
    client.poll(75'000);
    EXPECT_TRUE(transport.closeAsked);
    client.closed();
    EXPECT_THAT(handler.events,
                ElementsAre("closed " + std::to_string(static_cast<int>(MqttFault::timeout))));
}

TEST_F(MqttTest, NoAnswerToConnect) {
    open();
    client.poll(9'999);
    EXPECT_FALSE(transport.closeAsked);
    client.poll(10'000);
    EXPECT_TRUE(transport.closeAsked);
}

TEST_F(MqttTest, ReconnectStartsAfresh) {
    connect();
    const Bytes half = publishPacket("a", "12345", 4);
    ASSERT_EQ(client.receive(std::span(half).first(5), 0), 5u);
    client.closed();
    EXPECT_FALSE(client.publish("t", {}, 0, false));
    EXPECT_EQ(client.receive(half, 0), half.size());  // late bytes are dropped
    handler.events.clear();
    open();
    feed(packet(0x20, {0, 0}) + publishPacket("a", "new"));
    EXPECT_THAT(handler.events, ElementsAre("connected", "message a new"));
}

TEST(MqttMalformed, ClosesTheConnection) {
    const Bytes cases[] = {
        {0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},  // five length bytes
        packet(0x36, {0, 1, 'a', 0, 1}),       // QoS 3
        packet(0x34, {0, 1, 'a', 0, 1}),       // QoS 2, never asked for
        packet(0x32, {0, 1, 'a', 0, 0}),       // packet id 0
        packet(0x32, {0, 1, 'a', 0}),          // no packet id
        packet(0x30, {0, 9, 'a'}),             // topic beyond the end
        packet(0x30, {0, 0, 'a'}),             // no topic
        packet(0x30, {}),                      // nothing at all
        packet(0x40, {0}),                     // PUBACK without an id
        packet(0x90, {0, 1}),                  // SUBACK without codes
        packet(0x10, {0, 0}),                  // CONNECT from a broker
        packet(0x20, {0, 0}),                  // a second CONNACK
        packet(0xF0, {}),
    };
    for (const Bytes& bytes : cases) {
        FakeTransport transport;
        FakeHandler handler;
        std::array<std::uint8_t, 64> buffer{};
        MqttClient client(transport, handler, buffer);
        ASSERT_TRUE(client.opened({.clientId = "d"}, 0));
        const Bytes connack = packet(0x20, {0, 0});
        ASSERT_EQ(client.receive(connack, 0), connack.size());
        EXPECT_EQ(client.receive(bytes, 0), bytes.size());
        EXPECT_TRUE(transport.closeAsked) << ::testing::PrintToString(bytes);
    }
}

}  // namespace
}  // namespace tinsmith::agent
