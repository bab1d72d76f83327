// Offers and images that must not get in, each with the reason it is given.
#include <gtest/gtest.h>

#include <functional>

#include "tests/firmware/agent/device.hpp"

namespace tinsmith::agent {
namespace {

using wire::Reason;
using wire::UpdateState;

constexpr std::uint64_t kMinute = 60'000;

// A device that runs B (counter 2) in slot 1, confirmed, last offer 10; the free slot 0 still holds
// A.
class Refusals : public ::testing::Test {
  protected:
    void SetUp() override {
        w_.device.powerOn();
        w_.gateway.send(w_.gateway.offerOf(w_.b, 10));
        ASSERT_TRUE(w_.device.runUntil([&] { return w_.confirmed(w_.b); }, kMinute));
        w_.gateway.updates.clear();
        w_.gateway.blocksSent.clear();
        w_.gateway.addImage(c_);
    }

    // Refused with `reason` before anything was erased, asked for or remembered.
    void expectRefusedUntouched(image::Bytes message, Reason reason) {
        const boot::State before = w_.state();
        const auto operations = w_.flash.operations;
        w_.gateway.push("offer", std::move(message));
        w_.device.runUntil([] { return false; }, 1000);
        EXPECT_TRUE(w_.sawUpdate(UpdateState::refused, reason)) << wire::name(reason);
        EXPECT_EQ(w_.flash.operations, operations);
        EXPECT_EQ(w_.state(), before);
        EXPECT_TRUE(w_.gateway.blocksSent.empty());
        w_.gateway.updates.clear();
    }

    void expectRefusedUntouched(const std::function<void(wire::Offer&)>& edit, Reason reason) {
        wire::Offer offer = w_.gateway.offerOf(c_, 11);
        edit(offer);
        expectRefusedUntouched(Gateway::signOffer(w_.key, offer), reason);
    }

    // Gets through as an offer, is downloaded, and then refused; B goes on running, also after a
    // reboot.
    void expectRefusedAfterDownload(const boot::TestImage& image, Reason reason) {
        w_.gateway.addImage(image);
        w_.gateway.send(w_.gateway.offerOf(image, 11));
        ASSERT_TRUE(w_.device.runUntil([&] { return w_.sawUpdate(UpdateState::refused, reason); },
                                       kMinute));
        EXPECT_EQ(w_.device.resets, 1);
        EXPECT_EQ(w_.state().failure, reason);
        EXPECT_EQ(w_.state().failureDigest, image.digest);
        const boot::Decision decision = w_.device.powerOn();
        EXPECT_TRUE(decision.found);
        EXPECT_EQ(decision.slot, 1);
        EXPECT_FALSE(decision.trial);
    }

    World w_;
    boot::TestImage c_ = boot::makeImage(w_.key, 0, 3);
};

TEST_F(Refusals, TheGoodOfferThatTheOthersAreMadeFromIsAccepted) {
    w_.gateway.send(w_.gateway.offerOf(c_, 11));
    EXPECT_TRUE(w_.device.runUntil([&] { return w_.confirmed(c_); }, kMinute));
    EXPECT_EQ(w_.state().floor, 2u);
}

TEST_F(Refusals, OffersAreRefusedBeforeAnythingIsTouched) {
    expectRefusedUntouched(image::Bytes{1, 2, 3}, Reason::bad_message);
    expectRefusedUntouched([](wire::Offer& o) { ASSERT_TRUE(o.target.assign("dev-2")); },
                           Reason::wrong_device);
    expectRefusedUntouched([](wire::Offer& o) { ASSERT_TRUE(o.target.assign("group:kitchen")); },
                           Reason::wrong_device);
    expectRefusedUntouched([](wire::Offer& o) { ASSERT_TRUE(o.board.assign("other")); },
                           Reason::wrong_board);
    expectRefusedUntouched([](wire::Offer& o) { o.sequence = 10; }, Reason::replayed);
    expectRefusedUntouched([](wire::Offer& o) { o.slot = 1; }, Reason::wrong_slot);
    expectRefusedUntouched([](wire::Offer& o) { o.counter = 1; }, Reason::old_counter);
    expectRefusedUntouched([](wire::Offer& o) { o.size = boot::kMaxImageSize + 1; },
                           Reason::too_large);
    expectRefusedUntouched([](wire::Offer& o) { o.size = 100; }, Reason::bad_message);
}

TEST_F(Refusals, ForgedOffersAreRefused) {
    const wire::Offer offer = w_.gateway.offerOf(c_, 11);
    expectRefusedUntouched(Gateway::signOffer(boot::testKey(2), offer), Reason::bad_signature);
    image::Bytes changed = Gateway::signOffer(w_.key, offer);
    changed[40] ^= 1;  // inside the signed payload
    expectRefusedUntouched(changed, Reason::bad_signature);
    // Signed by the right key, but as something else than an offer.
    const auto payload = image::offerPayload(offer);
    expectRefusedUntouched(image::offerMessage(payload, w_.key.sign(payload)),
                           Reason::bad_signature);
}

TEST_F(Refusals, AReplayedOfferIsRefused) {
    const auto recorded = Gateway::signOffer(w_.key, w_.gateway.offerOf(c_, 11));
    w_.gateway.push("offer", recorded);
    ASSERT_TRUE(w_.device.runUntil([&] { return w_.confirmed(c_); }, kMinute));
    const boot::TestImage d = boot::makeImage(w_.key, 1, 4);
    w_.gateway.addImage(d);
    w_.gateway.send(w_.gateway.offerOf(d, 12));
    ASSERT_TRUE(w_.device.runUntil([&] { return w_.confirmed(d); }, kMinute));
    w_.gateway.updates.clear();
    w_.gateway.blocksSent.clear();
    expectRefusedUntouched(recorded, Reason::replayed);
}

TEST_F(Refusals, AnOfferOfTheRunningImageIsAnsweredWithConfirmed) {
    w_.gateway.send(w_.gateway.offerOf(w_.b, 11));
    w_.device.runUntil([] { return false; }, 1000);
    EXPECT_TRUE(w_.sawUpdate(UpdateState::confirmed));
    EXPECT_TRUE(w_.gateway.blocksSent.empty());
}

TEST_F(Refusals, NothingIsAcceptedOnTrial) {
    w_.gateway.vouches = false;
    w_.gateway.send(w_.gateway.offerOf(c_, 11));
    ASSERT_TRUE(w_.device.runUntil([&] { return w_.runs(c_); }, kMinute));
    w_.gateway.blocksSent.clear();
    wire::Offer offer = w_.gateway.offerOf(boot::makeImage(w_.key, 1, 4), 12);
    expectRefusedUntouched(Gateway::signOffer(w_.key, offer), Reason::busy);
}

TEST_F(Refusals, AnImageOfAnotherKeyIsRefused) {
    expectRefusedAfterDownload(boot::makeImage(boot::testKey(2), 0, 3), Reason::unknown_key);
}

TEST_F(Refusals, AnImageWithAFlippedBitIsRefused) {
    c_.bytes[4000] ^= 0x20;
    expectRefusedAfterDownload(c_, Reason::bad_digest);
}

TEST_F(Refusals, ACutImageIsRefused) {
    c_.bytes.resize(c_.bytes.size() - 70);
    expectRefusedAfterDownload(c_, Reason::bad_image);
}

TEST_F(Refusals, AnImageOfAnotherBoardIsRefused) {
    expectRefusedAfterDownload(boot::makeImage(w_.key, 0, 3, 9000, "other-board"),
                               Reason::wrong_board);
}

TEST_F(Refusals, AnImageWithAnOldCounterUnderAGoodOfferIsRefused) {
    boot::TestImage old = boot::makeImage(w_.key, 0, 1);
    old.counter = 3;  // what the offer says
    expectRefusedAfterDownload(old, Reason::old_counter);
}

TEST_F(Refusals, AnImageForTheOtherSlotIsRefused) {
    boot::TestImage other = boot::makeImage(w_.key, 1, 3);
    other.slot = 0;
    expectRefusedAfterDownload(other, Reason::wrong_slot);
}

TEST_F(Refusals, AnotherGoodImageThanTheOfferedOneIsRefused) {
    boot::TestImage swapped = boot::makeImage(w_.key, 0, 4);
    swapped.digest = c_.digest;
    expectRefusedAfterDownload(swapped, Reason::digest_differs);
}

}  // namespace
}  // namespace tinsmith::agent
