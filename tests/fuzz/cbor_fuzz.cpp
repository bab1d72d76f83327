// Every decoder of the device protocol on arbitrary bytes; what decodes must encode, and decode to
// the same again.
#include <cstdlib>
#include <vector>

#include "firmware/wire/messages.hpp"
#include "firmware/wire/sensor_frame.hpp"

namespace {

using namespace tinsmith::wire;

template <class M>
void tryMessage(std::span<const std::uint8_t> in) {
    M message;
    if (!decode(in, message)) return;
    std::vector<std::uint8_t> out(in.size() + 64);
    const std::size_t size = encode(message, out);
    if (size == 0) std::abort();
    M again;
    if (!decode(std::span(out).first(size), again)) std::abort();
    if constexpr (requires { again == message; }) {
        if (!(again == message)) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span in(data, size);
    tryMessage<Hello>(in);
    tryMessage<Offer>(in);
    tryMessage<SignedOffer>(in);
    tryMessage<Need>(in);
    tryMessage<Update>(in);
    tryMessage<Command>(in);
    tryMessage<Sample>(in);
    tryMessage<Result>(in);
    tryMessage<Telemetry>(in);

    BlockTopic block{};
    DeviceTopic device;
    const std::string_view topic(reinterpret_cast<const char*>(data), size);
    (void)parseBlockTopic(topic, block);
    (void)parseDeviceTopic(topic, device);

    SensorDecoder decoder;
    for (const std::uint8_t byte : in) (void)decoder.push(byte);
    return 0;
}
