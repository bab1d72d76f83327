// Any bytes from a broker, in any pieces, with any room to answer. First input byte: piece size;
// second: room.
#include "tests/firmware/app/fake_mqtt.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tinsmith::agent;
    if (size < 2) return 0;
    const std::size_t piece = 1u + data[0];
    const std::size_t room = data[1] % 16;
    FakeTransport transport;
    FakeHandler handler;
    std::array<std::uint8_t, 100> buffer{};
    MqttClient client(transport, handler, buffer);
    if (!client.opened({.clientId = "fuzz"}, 0)) return 0;
    std::span<const std::uint8_t> rest(data + 2, size - 2);
    std::uint64_t now = 0;
    while (!rest.empty() && !transport.closeAsked) {
        transport.room = room + 4;  // always enough to get on
        const auto part = rest.first(std::min(piece, rest.size()));
        const std::size_t taken = client.receive(part, now);
        if (taken > part.size()) std::abort();
        rest = rest.subspan(taken);
        client.poll(now += 100);
    }
    client.closed();
    return 0;
}
