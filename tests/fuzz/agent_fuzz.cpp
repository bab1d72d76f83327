// A broker that sends a device anything, a gateway that signs any offer: the agent never touches
// the image it runs. Each step of the input: a kind, then what that kind takes.
#include <cstdlib>
#include <string>

#include "firmware/agent/update_agent.hpp"
#include "firmware/app/recorder.hpp"
#include "firmware/boot/decide.hpp"
#include "firmware/image/signing.hpp"
#include "tests/firmware/boot/images.hpp"
#include "tests/firmware/boot/nor_flash.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using namespace tinsmith;

constexpr const char* kId = "dev-1";

// The application: commands go to the recorder, as on the device.
class App final : public agent::Outbox, public agent::Host {
  public:
    bool publish(std::string_view topic, std::span<const std::uint8_t>, bool) override {
        wire::DeviceTopic device;
        if (!wire::parseDeviceTopic(topic, device) || device.id != kId) std::abort();
        return true;
    }
    bool subscribe(std::string_view) override { return true; }
    void unsubscribe(std::string_view) override {}
    void reset() override { resetAsked = true; }
    void command(const wire::Command& command) override {
        recorder.command(command);
        app::Recorder::Head head;
        for (int i = 0; i < 8; ++i) {
            if (!recorder.windowDue(command.channels)) continue;
            if (recorder.encodeHead(head) > head.size()) std::abort();
            recorder.sent();
        }
    }

    bool resetAsked = false;
    app::Recorder recorder;
};

wire::Offer offerFrom(fuzz::Input& input, const boot::TestImage& image) {
    wire::Offer offer;
    offer.digest = image.digest;
    // Most offers are near enough to a good one to be looked at closely.
    const std::uint8_t odd = input.byte();
    offer.size = odd & 1 ? 257u * input.byte() : static_cast<std::uint32_t>(image.bytes.size());
    offer.slot = odd & 2 ? input.byte() : image.slot;
    offer.counter = odd & 4 ? input.byte() : image.counter;
    offer.sequence = input.byte();
    offer.expiresAfterS = odd & 8 ? input.byte() : 0;
    if (odd & 16) offer.digest[0] ^= input.byte();
    if (!offer.board.assign(odd & 32 ? "other" : boot::kBoard)) std::abort();
    if (!offer.target.assign(odd & 64 ? "dev-2" : kId)) std::abort();
    return offer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const image::SigningKey key = boot::testKey();
    static const boot::RomInfo rom = boot::testRom(key);
    static const boot::TestImage running = boot::makeImage(key, 0, 7, 64);
    static const boot::TestImage next = boot::makeImage(key, 1, 8, 5000);

    boot::NorFlash flash;
    flash.poke(boot::slotOffset(0), running.bytes);
    if (!boot::decide(flash, rom, boot::kBoard).found) std::abort();
    App app;
    agent::UpdateAgent agent(flash, rom, {kId, boot::kBoard, "motor", "1", {}}, app, app);
    agent.onConnected(0);

    std::uint64_t now = 0;
    fuzz::Input input({data, size});
    const std::string base = std::string("device/") + kId + "/";
    while (!input.empty() && !app.resetAsked) {
        wire::TopicBuffer topic;
        switch (input.byte() % 7) {
            case 0:
                agent.onMessage(base + "offer", input.bytes(), now);
                break;
            case 1: {
                const auto payload = image::offerPayload(offerFrom(input, next));
                const auto toSign = image::messageToSign(image::SignKind::offer, payload);
                if (!toSign) break;  // not even an offer
                agent.onMessage(base + "offer", image::offerMessage(payload, key.sign(*toSign)),
                                now);
                break;
            }
            case 2:
                agent.onMessage(base + "command", input.bytes(), now);
                break;
            case 3: {
                const std::size_t n = input.byte();
                const std::size_t start = std::min(n * wire::kBlockSize, next.bytes.size());
                const std::size_t left = std::min(wire::kBlockSize, next.bytes.size() - start);
                agent.onMessage(wire::blockTopic(topic, next.digest, static_cast<unsigned>(n)),
                                std::span(next.bytes).subspan(start, left), now);
                break;
            }
            case 4: {
                const std::uint8_t n = input.byte();
                agent.onMessage(wire::blockTopic(topic, next.digest, n), input.bytes(), now);
                break;
            }
            case 5: {
                const auto name = input.bytes();
                agent.onMessage({reinterpret_cast<const char*>(name.data()), name.size()},
                                input.bytes(), now);
                break;
            }
            default:
                for (int i = input.byte(); i >= 0 && !app.resetAsked; --i) {
                    const std::uint64_t due = agent.poll(now);
                    if (due < now) std::abort();
                    now = due;
                }
        }
    }
    const auto kept =
        flash.view(boot::slotOffset(0), static_cast<std::uint32_t>(running.bytes.size()));
    if (!std::equal(kept.begin(), kept.end(), running.bytes.begin())) std::abort();
    if (flash.bitsAskedToRise != 0) std::abort();
    return 0;
}
