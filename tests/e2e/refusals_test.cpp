// What an emulated device refuses over a real broker: offers and images that are forged, old, for
// somebody else or damaged. The thief has the gateway's password, which lets it publish offers and
// blocks, and where a case asks for it the signing key, too.
#include <gtest/gtest.h>

#include "firmware/boot/layout.hpp"
#include "firmware/image/image.hpp"
#include "firmware/image/keys.hpp"
#include "firmware/image/signing.hpp"
#include "firmware/wire/bitmap.hpp"
#include "tests/e2e/released_model.hpp"
#include "tests/e2e/slow_link.hpp"

namespace tinsmith::e2e {
namespace {

using image::Bytes;

std::string textOfBytes(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// An image as a test offers it, which need not be what its bytes say.
struct Offered {
    Bytes bytes;
    wire::Offer offer;
};

class Refusals : public ReleasedModel {
  protected:
    void SetUp() override {
        ReleasedModel::SetUp();
        if (HasFatalFailure()) return;
        auto key = image::loadKey(house_->folder() / "gateway.key");
        ASSERT_TRUE(key);
        key_ = std::make_unique<image::SigningKey>(std::move(*key));
        thief_ = house_->client("tinsmith");
    }

    // The released image for a slot with an offer that is good except for what a case changes.
    Offered released(const std::string& slot, const std::string& device) {
        Offered made;
        for (const Json& image : images()) {
            if (image.value("slot", "") != slot) continue;
            const std::string file = image.value("file", "");
            const std::string text = readText(house_->folder() / "state" / "artefacts" / file);
            made.bytes.assign(text.begin(), text.end());
        }
        const auto seen = image::inspect(made.bytes);
        EXPECT_TRUE(seen);
        if (!seen) return made;
        made.offer.digest = seen->digest;
        made.offer.slot = slot == "a" ? 0 : 1;
        made.offer.counter = seen->securityCounter;
        complete(made, device);
        return made;
    }
    // A small image of a test's own for slot b, signed with the gateway's key.
    Offered handmade(const std::string& device, const std::string& board, std::uint32_t counter) {
        image::ImageSpec spec;
        spec.payload.assign(9000, 0x42);
        spec.slotBase = boot::slotAddress(1);
        spec.securityCounter = counter;
        spec.board = board;
        const auto bytes = image::build(spec);
        EXPECT_TRUE(bytes);
        Offered made;
        made.offer.digest = image::digest(*bytes);
        made.bytes = image::attachSignature(*bytes, image::keyHash(key_->publicKey()),
                                            key_->sign(made.offer.digest));
        made.offer.slot = 1;
        made.offer.counter = counter;
        complete(made, device);
        return made;
    }

    static std::string signedBy(const image::SigningKey& key, const wire::Offer& offer) {
        const auto payload = image::offerPayload(offer);
        const auto message = image::messageToSign(image::SignKind::offer, payload);
        EXPECT_TRUE(message);
        return textOfBytes(image::offerMessage(payload, key.sign(*message)));
    }
    std::string offered(const wire::Offer& offer) const { return signedBy(*key_, offer); }

    // Publishes an offer; the name of the reason for which the device refuses it.
    std::string refusalOf(const std::string& device, const std::string& offer) {
        watcher_->updates(device).clear();
        thief_->publish(house_->root() + "/device/" + device + "/offer", offer);
        thief_->waitFor([] { return false; }, 20);  // sends it
        return watcher_->awaitRefusal(device, 30000);
    }
    // Offers and gives out every block that is asked for; until the device has refused, or runs it.
    std::string serve(const std::string& device, const Offered& what) {
        const std::string needTopic = house_->root() + "/device/" + device + "/need";
        const std::string updateTopic = house_->root() + "/device/" + device + "/update";
        std::string outcome;
        thief_->onMessage = [&](const std::string& topic, const std::string& payload) {
            wire::Need need;
            wire::Update update;
            if (topic == needTopic && wire::decode(bytesOf(payload), need)) {
                giveOut(what, need);
            } else if (topic == updateTopic && wire::decode(bytesOf(payload), update)) {
                if (update.state == wire::UpdateState::refused) outcome = name(update.reason);
                if (update.state == wire::UpdateState::confirmed) outcome = "confirmed";
            }
        };
        thief_->subscribe(needTopic);
        thief_->subscribe(updateTopic);
        thief_->publish(house_->root() + "/device/" + device + "/offer", offered(what.offer));
        thief_->waitFor([&] { return !outcome.empty(); }, 60000);
        thief_->onMessage = nullptr;
        return outcome;
    }

    std::unique_ptr<image::SigningKey> key_;
    std::unique_ptr<Client> thief_;
    std::uint64_t sequence_ = 1000;

  private:
    void complete(Offered& made, const std::string& device) {
        made.offer.size = static_cast<std::uint32_t>(made.bytes.size());
        EXPECT_TRUE(made.offer.board.assign("mps2-an386"));
        EXPECT_TRUE(made.offer.target.assign(device));
        EXPECT_TRUE(made.offer.version.assign("1"));
        made.offer.sequence = ++sequence_;
    }
    void giveOut(const Offered& what, const wire::Need& need) {
        if (need.digest != what.offer.digest) return;
        for (std::uint32_t i = 0; i < need.bitmapBytes * 8u; ++i) {
            const std::size_t start = std::size_t{need.first + i} * wire::kBlockSize;
            if (!wire::testBit(need.bitmap, i) || start >= what.bytes.size()) continue;
            const auto block =
                std::span(what.bytes)
                    .subspan(start, std::min(wire::kBlockSize, what.bytes.size() - start));
            thief_->publish(house_->root() + "/block/" + image::hex(what.offer.digest) + "/" +
                                std::to_string(need.first + i),
                            textOfBytes(block));
        }
    }
};

TEST_F(Refusals, OffersThatAreNotForThisDeviceNowFromItsGateway) {
    DeviceOptions options;
    options.id = "dev-1";
    addDevice(options);
    const std::string before = running("dev-1");
    const Offered good = released("b", "dev-1");
    const auto changed = [&](const std::function<void(wire::Offer&)>& change) {
        wire::Offer offer = good.offer;
        change(offer);
        return offered(offer);
    };
    std::string flipped = offered(good.offer);
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    wire::Signature noise{};
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(37 * i + 5);

    const std::vector<std::pair<std::string, std::string>> cases = {
        {signedBy(image::temporaryKey(), good.offer), "bad_signature"},
        {textOfBytes(image::offerMessage(image::offerPayload(good.offer), noise)), "bad_signature"},
        {flipped, "bad_signature"},
        {changed([](wire::Offer& o) { ASSERT_TRUE(o.board.assign("other-board")); }),
         "wrong_board"},
        {changed([](wire::Offer& o) { ASSERT_TRUE(o.target.assign("dev-2")); }), "wrong_device"},
        {changed([](wire::Offer& o) { o.counter = 0; }), "old_counter"},
        {changed([](wire::Offer& o) { o.slot = 0; }), "wrong_slot"},
        {changed([](wire::Offer& o) { o.size = 2'000'000; }), "too_large"},
        {changed([](wire::Offer& o) { o.sequence = 0; }), "replayed"},
        {"no offer at all", "bad_message"},
        {std::string(1000, '\x9f'), "bad_message"},
    };
    // More than a device takes in: it stays up for what follows.
    thief_->publish(house_->root() + "/device/dev-1/offer", std::string(60'000, 'x'));
    for (const auto& [offer, reason] : cases) {
        SCOPED_TRACE(reason);
        EXPECT_EQ(refusalOf("dev-1", offer), reason);
    }
    EXPECT_EQ(running("dev-1"), before);
    EXPECT_EQ(serve("dev-1", good), "confirmed") << "the offer that the others were made from";
    // What was heard then is worth nothing any more, once something else has been accepted.
    EXPECT_EQ(serve("dev-1", released("a", "dev-1")), "confirmed");
    EXPECT_EQ(refusalOf("dev-1", offered(good.offer)), "replayed");
}

TEST_F(Refusals, ImagesThatAreNotWhatWasOffered) {
    DeviceOptions options;
    options.id = "dev-2";
    addDevice(options);
    const std::string before = running("dev-2");

    Offered flipped = released("b", "dev-2");
    flipped.bytes[40'000] ^= 0x10;
    Offered stranger = released("b", "dev-2");
    const image::SigningKey other = image::temporaryKey();
    const auto bare = image::withoutSignature(stranger.bytes);
    ASSERT_TRUE(bare);
    stranger.bytes = image::attachSignature(*bare, image::keyHash(other.publicKey()),
                                            other.sign(stranger.offer.digest));
    const Offered foreign = handmade("dev-2", "other-board", 2);
    Offered old = handmade("dev-2", "mps2-an386", 0);
    old.offer.counter = 2;
    Offered swapped = handmade("dev-2", "mps2-an386", 2);
    swapped.offer.digest = handmade("dev-2", "mps2-an386", 3).offer.digest;

    const std::vector<std::pair<Offered, std::string>> cases = {{flipped, "bad_digest"},
                                                                {stranger, "unknown_key"},
                                                                {foreign, "wrong_board"},
                                                                {old, "old_counter"},
                                                                {swapped, "digest_differs"}};
    for (auto [what, reason] : cases) {
        SCOPED_TRACE(reason);
        what.offer.sequence = ++sequence_;
        EXPECT_EQ(serve("dev-2", what), reason);
        const Json device = House::device(*client_, "dev-2");
        EXPECT_EQ(device.value("running", ""), before);
        EXPECT_EQ(at(device, "/last_failure/reason"), reason) << device.dump(1);
    }
    // Nothing of it is left after a power cut.
    const Json boots = House::device(*client_, "dev-2")["boot_count"];
    house_->stopDevice("dev-2");
    house_->startDevice("dev-2");
    ASSERT_TRUE(client_->waitFor(
        [&] { return House::device(*client_, "dev-2")["boot_count"] != boots; }, 20000));
    EXPECT_EQ(running("dev-2"), before);
    Offered good = released("b", "dev-2");
    EXPECT_EQ(serve("dev-2", good), "confirmed");
    EXPECT_EQ(running("dev-2"), image::hex(good.offer.digest));
}

// Somebody slips a changed block in between those of a rollout that is under way.
TEST_F(Refusals, ABlockThatIsChangedOnItsWay) {
    SlowLink link(house_->port(), 60'000);
    DeviceOptions options;
    options.id = "dev-3";
    options.groups = {"tampered"};
    options.port = link.port();
    addDevice(options);
    const std::string before = running("dev-3");
    const Offered good = released("b", "dev-3");
    // One of the last, but not the one that may hold nothing but the signature.
    const std::size_t late = (good.bytes.size() - 1) / wire::kBlockSize - 1;
    std::string block =
        textOfBytes(std::span(good.bytes).subspan(late * wire::kBlockSize, wire::kBlockSize));
    block[block.size() / 2] = static_cast<char>(block[block.size() / 2] ^ 1);

    const std::string needTopic = house_->root() + "/device/dev-3/need";
    thief_->subscribe(needTopic);
    thief_->waitFor([] { return false; }, 20);  // sends it
    const Json wishes = {{"group", "tampered"}, {"deadline_s", 60}};
    const std::string job = requestRollout(wishes).value("job", "");
    // It is asked for only after the first window, so the changed one comes first.
    ASSERT_TRUE(thief_->waitFor([&] { return thief_->last.contains(needTopic); }, 20000));
    thief_->publish(
        house_->root() + "/block/" + image::hex(good.offer.digest) + "/" + std::to_string(late),
        block);
    thief_->waitFor([] { return false; }, 20);
    EXPECT_EQ(watcher_->awaitRefusal("dev-3", 60000), "bad_digest");
    EXPECT_EQ(running("dev-3"), before);
    // It would be offered again after a pause; who does not want to wait aborts and starts anew.
    EXPECT_EQ(client_->request("rollout", {{"action", "abort"}, {"rollout", "r-" + job}})["status"],
              "ok");
    const Json aborted = client_->waitForJob(job, 20000);
    EXPECT_EQ(codeOf(aborted), "rollout_aborted") << story(aborted);
    EXPECT_EQ(at(House::device(*client_, "dev-3"), "/last_failure/reason"), "bad_digest");
    const Json ended = client_->waitForJob(requestRollout(wishes).value("job", ""), 60000);
    EXPECT_EQ(stateOf(ended), "succeeded") << story(ended);
    EXPECT_EQ(running("dev-3"), image::hex(good.offer.digest));
}

}  // namespace
}  // namespace tinsmith::e2e
