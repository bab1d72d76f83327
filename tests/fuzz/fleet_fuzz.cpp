// The gateway's side of the air during a rollout and a recording: a device that sends anything.
// Each step of the input: a kind, then what that kind takes.
#include <cstdlib>

#include "tests/fuzz/input.hpp"
#include "tests/handlers/rollout/air.hpp"

namespace {

using namespace tinsmith;
using namespace tinsmith::testing;

constexpr std::size_t kChannels = 2;
constexpr std::size_t kLength = 4;
const std::string kTopic = "tinsmith/gw/device/d0/";

template <class M>
std::string encoded(const M& message) {
    std::array<std::uint8_t, wire::kMaxMessageBytes> out{};
    const std::size_t size = wire::encode(message, out);
    return {reinterpret_cast<const char*>(out.data()), size};
}

std::string text(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

wire::Need needFrom(fuzz::Input& input, const Air& air) {
    wire::Need need;
    const std::string digest = air.digest(1, input.byte() & 1 ? 'a' : 'b');
    if (!wire::fromHex(digest, need.digest)) std::abort();
    need.first = input.byte() * 3u;
    need.total = input.byte();
    const auto bits = input.bytes();
    need.bitmapBytes = static_cast<std::uint8_t>(std::min(bits.size(), need.bitmap.size()));
    std::copy_n(bits.begin(), need.bitmapBytes, need.bitmap.begin());
    return need;
}

// A hello of the device itself in which some fields differ.
wire::Hello helloFrom(fuzz::Input& input, const SimulatedDevice& device) {
    wire::Hello hello = device.hello();
    const std::uint8_t odd = input.byte();
    if (odd & 1) hello.nonce.fill(input.byte());
    if (odd & 2) hello.trial = !hello.trial;
    if (odd & 4) hello.runningDigest.fill(input.byte());
    if (odd & 8) hello.sequence = input.byte();
    if (odd & 16) hello.failureDigest.fill(input.byte());
    if (odd & 32) hello.failure = static_cast<wire::Reason>(input.byte());
    if (odd & 64) hello.online = false;
    if (odd & 128) hello.floor = input.byte();
    return hello;
}

Task<void> record(Fleet& fleet) {
    RecordSpec spec;
    spec.id = "rec-1";
    spec.device = "d0";
    spec.channels = kChannels;
    spec.length = kLength;
    spec.count = 3;
    spec.timeoutMs = 60'000;
    (void)co_await fleet.record(spec, nullptr, CancelToken());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Artefacts are synced to the disk; in memory that costs nothing.
    static const int inMemory = ::setenv("TMPDIR", "/dev/shm", 1);
    if (inMemory != 0) std::abort();
    Air air;
    air.makeVersion(1, 3000, 5);
    const SimulatedDevice& device = air.add("d0");
    air.start(Air::spec());
    air.run(20);
    Nursery recording;
    recording.spawn(record(*air.fleet));

    fuzz::Input input({data, size});
    while (!input.empty()) {
        std::string leaf, payload;
        bool retained = false;
        const std::uint8_t kind = input.byte();
        switch (kind % 8) {
            case 0: {  // any message
                constexpr std::array leaves = {wire::kLeafHello,  wire::kLeafNeed,
                                               wire::kLeafUpdate, wire::kLeafSample,
                                               wire::kLeafResult, wire::kLeafTelemetry};
                leaf = leaves[kind / 8 % leaves.size()];
                payload = text(input.bytes());
                break;
            }
            case 1:
                leaf = wire::kLeafNeed;
                payload = encoded(needFrom(input, air));
                break;
            case 2: {
                wire::Sample sample;
                if (!sample.id.assign("rec-1")) std::abort();
                sample.index = input.byte();
                sample.channels = kChannels;
                sample.length = kLength;
                sample.values = input.bytes();
                leaf = wire::kLeafSample;
                payload = encoded(sample);
                break;
            }
            case 3:
            case 4:
                leaf = wire::kLeafHello;
                retained = kind & 128;
                payload = encoded(helloFrom(input, device));
                break;
            case 5: {
                wire::Update update;
                if (!wire::fromHex(air.digest(1, 'b'), update.digest)) std::abort();
                update.state = static_cast<wire::UpdateState>(input.byte() % 7);
                update.percent = input.byte();
                update.reason = static_cast<wire::Reason>(input.byte());
                leaf = wire::kLeafUpdate;
                payload = encoded(update);
                break;
            }
            default:
                air.run(input.byte());
                continue;
        }
        air.fleet->receive({kTopic + leaf, payload, retained, {}, {}, {}});
    }
    // What the gateway tells about its devices is text that JSON can hold.
    (void)air.fleet->devices()->dump();
    (void)air.fleet->health().dump();
    return 0;
}
