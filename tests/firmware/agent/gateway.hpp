// A gateway and a broker in one, as far as one device's update needs them: answers `need` with
// blocks, sends signed offers, and vouches for itself on trial. Faults are switched on by the
// tests.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "firmware/agent/update_agent.hpp"
#include "firmware/image/signing.hpp"
#include "firmware/wire/bitmap.hpp"
#include "tests/firmware/boot/images.hpp"

namespace tinsmith::agent {

inline constexpr const char* kDeviceId = "dev-1";

class Gateway final : public Outbox {
  public:
    explicit Gateway(const image::SigningKey& key) : key_(key) {}

    [[nodiscard]] bool publish(std::string_view topic, std::span<const std::uint8_t> payload,
                               bool retain) override {
        if (full) return false;
        wire::DeviceTopic device;
        EXPECT_TRUE(wire::parseDeviceTopic(topic, device)) << topic;
        EXPECT_EQ(device.id, kDeviceId);
        EXPECT_EQ(retain, device.leaf == wire::kLeafHello);
        if (device.leaf == wire::kLeafHello) onHello(payload);
        if (device.leaf == wire::kLeafNeed) onNeed(payload);
        if (device.leaf == wire::kLeafUpdate) {
            wire::Update update;
            EXPECT_TRUE(wire::decode(payload, update));
            updates.push_back(update);
        }
        return true;
    }
    [[nodiscard]] bool subscribe(std::string_view filter) override {
        if (full) return false;
        filters.insert(std::string(filter));
        return true;
    }
    void unsubscribe(std::string_view filter) override { filters.erase(std::string(filter)); }

    void addImage(const boot::TestImage& image) { images_[image.digest] = image; }

    [[nodiscard]] wire::Offer offerOf(const boot::TestImage& image, std::uint64_t sequence) const {
        wire::Offer offer;
        offer.digest = image.digest;
        offer.size = static_cast<std::uint32_t>(image.bytes.size());
        EXPECT_TRUE(offer.board.assign(boot::kBoard));
        offer.slot = image.slot;
        offer.counter = image.counter;
        EXPECT_TRUE(offer.target.assign(kDeviceId));
        EXPECT_TRUE(offer.version.assign("motor:2"));
        offer.sequence = sequence;
        offer.expiresAfterS = 600;
        return offer;
    }
    [[nodiscard]] static image::Bytes signOffer(const image::SigningKey& key,
                                                const wire::Offer& offer) {
        const auto payload = image::offerPayload(offer);
        return image::offerMessage(
            payload, key.sign(*image::messageToSign(image::SignKind::offer, payload)));
    }
    void send(const wire::Offer& offer) { push("offer", signOffer(key_, offer)); }
    void push(const std::string& leaf, image::Bytes payload) {
        inbox.push_back({"device/" + std::string(kDeviceId) + "/" + leaf, std::move(payload)});
    }

    // What is on its way to the device; lost when it resets.
    struct Message {
        std::string topic;
        image::Bytes payload;
    };
    std::deque<Message> inbox;
    std::set<std::string> filters;
    std::optional<wire::Hello> hello;
    std::vector<wire::Update> updates;
    std::map<std::uint32_t, int> blocksSent;
    int needs = 0;
    int hellos = 0;

    bool full = false;    // the outbox takes nothing
    bool vouches = true;  // answers trial hellos with `alive`
    int loseEvery = 0;    // drops every n-th block

  private:
    void onHello(std::span<const std::uint8_t> payload) {
        wire::Hello message;
        EXPECT_TRUE(wire::decode(payload, message));
        hello = message;
        ++hellos;
        if (!message.trial || !vouches) return;
        const auto content = image::alivePayload(kDeviceId, message.nonce, message.runningDigest);
        wire::Command alive;
        alive.nonce = message.nonce;
        alive.signature = key_.sign(*image::messageToSign(image::SignKind::alive, content));
        sendCommand(alive);
    }
    void onNeed(std::span<const std::uint8_t> payload) {
        wire::Need need;
        EXPECT_TRUE(wire::decode(payload, need));
        wire::TopicBuffer buffer;
        EXPECT_TRUE(filters.contains(std::string(wire::blockFilter(buffer, need.digest))));
        ++needs;
        const auto found = images_.find(need.digest);
        if (found == images_.end()) return;
        const auto& bytes = found->second.bytes;
        for (std::uint32_t i = 0; i < 8u * need.bitmapBytes; ++i) {
            if (!wire::testBit(need.bitmap, i)) continue;
            const std::size_t start = std::size_t{need.first + i} * wire::kBlockSize;
            ASSERT_LT(start, bytes.size());
            ++blocksSent[need.first + i];
            if (loseEvery != 0 && ++sent_ % loseEvery == 0) continue;
            const std::size_t size = std::min(wire::kBlockSize, bytes.size() - start);
            inbox.push_back({std::string(wire::blockTopic(buffer, need.digest, need.first + i)),
                             {bytes.begin() + static_cast<std::ptrdiff_t>(start),
                              bytes.begin() + static_cast<std::ptrdiff_t>(start + size)}});
        }
    }

  public:
    void sendCommand(const wire::Command& command) {
        image::Bytes out(wire::kMaxMessageBytes);
        out.resize(wire::encode(command, out));
        push("command", std::move(out));
    }

  private:
    const image::SigningKey& key_;
    std::map<wire::Digest, boot::TestImage> images_;
    int sent_ = 0;
};

}  // namespace tinsmith::agent
