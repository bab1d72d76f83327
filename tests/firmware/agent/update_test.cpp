// The update agent and the boot loader together, from offer to confirm or revert.
#include <gtest/gtest.h>

#include "firmware/boot/trailer.hpp"
#include "tests/firmware/agent/device.hpp"

namespace tinsmith::agent {
namespace {

using wire::Reason;
using wire::UpdateState;

constexpr std::uint64_t kMinute = 60'000;

TEST(UpdateAgent, SaysHelloWhenItConnects) {
    World w;
    ASSERT_TRUE(w.device.powerOn().found);
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.hello.has_value(); }, 1000));
    const wire::Hello& hello = *w.gateway.hello;
    EXPECT_EQ(hello.deviceId.view(), kDeviceId);
    EXPECT_EQ(hello.runningDigest, w.a.digest);
    EXPECT_TRUE(hello.slots[0].valid);
    EXPECT_FALSE(hello.slots[1].valid);
    EXPECT_EQ(hello.bootCount, 1u);
    EXPECT_FALSE(hello.trial);
    EXPECT_TRUE(hello.online);
    EXPECT_TRUE(w.gateway.filters.contains("device/dev-1/offer"));
    EXPECT_TRUE(w.gateway.filters.contains("device/dev-1/command"));

    image::Bytes will(wire::kMaxMessageBytes);
    wire::Hello last;
    ASSERT_TRUE(wire::decode(std::span(will).first(w.device.agent->will(will)), last));
    EXPECT_FALSE(last.online);
}

TEST(UpdateAgent, DownloadsTriesAndConfirms) {
    World w;
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 10));
    ASSERT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute));
    EXPECT_EQ(w.device.resets, 1);
    for (const auto state : {UpdateState::offered, UpdateState::downloading, UpdateState::verifying,
                             UpdateState::trial, UpdateState::confirmed}) {
        EXPECT_TRUE(w.sawUpdate(state)) << wire::name(state);
    }
    for (const auto& [block, times] : w.gateway.blocksSent) EXPECT_EQ(times, 1) << block;
    EXPECT_EQ(w.state().offerSequence, 10u);
    EXPECT_EQ(w.state().floor, 1u)
        << "rises to the new image's counter only with the next download";
    EXPECT_TRUE(boot::isConfirmed(w.flash, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return !w.gateway.hello->trial; }, kMinute));
    EXPECT_TRUE(w.gateway.hello->slots[0].valid) << "the old image is kept for a revert";
    EXPECT_EQ(w.flash.bitsAskedToRise, 0u);
    EXPECT_EQ(w.device.powerOn().slot, 1);
}

TEST(UpdateAgent, AsksAgainForLostBlocks) {
    World w;
    w.gateway.loseEvery = 3;
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute));
    EXPECT_GT(w.gateway.needs, 1);
}

TEST(UpdateAgent, DownloadsMoreThanOneWindow) {
    World w;
    w.b = boot::makeImage(w.key, 1, 2, 200'000);
    w.gateway.addImage(w.b);
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute));
    EXPECT_EQ(w.gateway.needs, 4) << "197 blocks in windows of 64";
}

TEST(UpdateAgent, BacksOffWhileNobodyAnswers) {
    World w;
    const boot::TestImage unknown = boot::makeImage(w.key, 1, 3);
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(unknown, 1));
    EXPECT_FALSE(w.device.runUntil([] { return false; }, kMinute));
    EXPECT_GT(w.gateway.needs, 10);
    EXPECT_LT(w.gateway.needs, 18) << "0.5, 1, 2, 4, 5, 5 … seconds";
    EXPECT_FALSE(w.device.runUntil(
        [&] { return w.sawUpdate(UpdateState::refused, Reason::expired); }, 8 * kMinute));
    EXPECT_TRUE(w.device.runUntil(
        [&] { return w.sawUpdate(UpdateState::refused, Reason::expired); }, 2 * kMinute));
    EXPECT_FALSE(w.device.agent->downloading());
}

TEST(UpdateAgent, GoesOnAfterAReconnect) {
    World w;
    w.b = boot::makeImage(w.key, 1, 2, 200'000);
    w.gateway.addImage(w.b);
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.needs == 2; }, kMinute));
    w.device.agent->onDisconnected();
    w.gateway.inbox.clear();
    w.gateway.filters.clear();
    EXPECT_FALSE(w.device.runUntil([&] { return w.gateway.needs != 2; }, kMinute));
    w.device.agent->onConnected(w.device.now);
    ASSERT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute));
}

TEST(UpdateAgent, GoesOnAfterAPowerCutWithoutFetchingBlocksAgain) {
    World w;
    w.b = boot::makeImage(w.key, 1, 2, 200'000);
    w.gateway.addImage(w.b);
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.needs == 3; }, kMinute));
    w.device.powerOn();
    ASSERT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute))
        << "without another offer";
    for (const auto& [block, times] : w.gateway.blocksSent) {
        EXPECT_EQ(times, block < 128 || block >= 192 ? 1 : 2) << block;
    }
}

TEST(UpdateAgent, ANewOfferOfTheSameImageGoesOnToo) {
    World w;
    w.b = boot::makeImage(w.key, 1, 2, 200'000);
    w.gateway.addImage(w.b);
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.needs == 3; }, kMinute));
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 2));
    ASSERT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute));
    EXPECT_EQ(w.gateway.blocksSent[0], 1);
    EXPECT_EQ(w.state().offerSequence, 2u);
}

TEST(UpdateAgent, AnotherOfferReplacesADownload) {
    World w;
    const boot::TestImage c = boot::makeImage(w.key, 1, 3, 30'000);
    w.gateway.addImage(c);
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.needs == 1; }, kMinute));
    w.gateway.send(w.gateway.offerOf(c, 2));
    ASSERT_TRUE(w.device.runUntil([&] { return w.confirmed(c); }, kMinute));
}

TEST(UpdateAgent, RevertsAtOnceWhenTheSelfTestFails) {
    World w;
    w.device.powerOn();
    w.device.selfTestPasses = false;
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.device.resets == 2; }, kMinute));
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.hello->bootCount == 3; }, kMinute));
    EXPECT_TRUE(w.confirmed(w.a));
    EXPECT_EQ(w.gateway.hello->failure, Reason::selftest);
    EXPECT_EQ(w.gateway.hello->failureDigest, w.b.digest);
    EXPECT_EQ(w.gateway.hello->resetReason, wire::ResetReason::trial_failed);
    EXPECT_TRUE(w.sawUpdate(UpdateState::reverted, Reason::selftest));
}

TEST(UpdateAgent, RevertsAfterTenMinutesWithoutItsGateway) {
    World w;
    w.device.powerOn();
    w.gateway.vouches = false;
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.runs(w.b); }, kMinute));
    EXPECT_FALSE(w.device.runUntil([&] { return w.runs(w.a); }, 9 * kMinute));
    EXPECT_TRUE(w.device.runUntil([&] { return w.runs(w.a); }, 2 * kMinute));
    EXPECT_EQ(w.state().failure, Reason::no_gateway);
    // Offered again it may come back: the image was not at fault.
    w.gateway.vouches = true;
    w.gateway.send(w.gateway.offerOf(w.b, 2));
    EXPECT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute));
    EXPECT_EQ(w.state().failure, Reason::none);
}

TEST(UpdateAgent, RevertsWhenTheSelfTestNeverEnds) {
    World w;
    w.device.powerOn();
    w.device.reportsSelfTest = false;
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.runs(w.b); }, kMinute));
    EXPECT_TRUE(w.device.runUntil([&] { return w.runs(w.a); }, 11 * kMinute));
    EXPECT_EQ(w.state().failure, Reason::selftest);
}

TEST(UpdateAgent, OnlyASignatureOverThisBootsNonceVouches) {
    World w;
    w.device.powerOn();
    w.gateway.vouches = false;
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.runs(w.b) && w.gateway.hello->trial; }, kMinute));
    const wire::Hello hello = *w.gateway.hello;
    const auto aliveFor = [&](const image::SigningKey& key, const wire::Nonce& nonce,
                              const wire::Digest& digest) {
        wire::Command alive;
        alive.nonce = hello.nonce;
        alive.signature = key.sign(*image::messageToSign(
            image::SignKind::alive, image::alivePayload(kDeviceId, nonce, digest)));
        return alive;
    };
    wire::Nonce other = hello.nonce;
    other[0] ^= 1;
    w.gateway.sendCommand(aliveFor(boot::testKey(9), hello.nonce, w.b.digest));
    w.gateway.sendCommand(aliveFor(w.key, other, w.b.digest));
    w.gateway.sendCommand(aliveFor(w.key, hello.nonce, w.a.digest));
    w.device.runUntil([] { return false; }, kMinute);
    EXPECT_TRUE(w.device.agent->onTrial());

    // The next boot has another nonce, so what was signed for this one is worthless then.
    w.device.powerOn();
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.hello->bootCount == hello.bootCount + 1; },
                                  kMinute));
    EXPECT_NE(w.gateway.hello->nonce, hello.nonce);
    w.gateway.sendCommand(aliveFor(w.key, hello.nonce, w.b.digest));
    w.device.runUntil([] { return false; }, kMinute);
    EXPECT_TRUE(w.device.agent->onTrial());
    w.gateway.vouches = true;
    EXPECT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute));
}

TEST(UpdateAgent, IsHealthyAfterAMinute) {
    World w;
    w.device.powerOn();
    EXPECT_EQ(w.state().bootsWithoutHealth, 1);
    w.device.runUntil([&] { return w.state().bootsWithoutHealth == 0; }, 59'000);
    EXPECT_EQ(w.state().bootsWithoutHealth, 1);
    EXPECT_TRUE(w.device.runUntil([&] { return w.state().bootsWithoutHealth == 0; }, 2'000));
}

TEST(UpdateAgent, PassesCommandsOnAndRebootsWhenAsked) {
    World w;
    w.device.powerOn();
    wire::Command sample;
    sample.kind = wire::CommandKind::sample;
    sample.channels = 3;
    sample.length = 10;
    sample.stride = 10;
    w.gateway.sendCommand(sample);
    w.gateway.inbox.push_back({"device/dev-2/command", w.gateway.inbox.front().payload});
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.inbox.empty(); }, 1000));
    ASSERT_EQ(w.device.commands.size(), 1u);
    EXPECT_EQ(w.device.commands[0], sample);

    wire::Command reboot;
    reboot.kind = wire::CommandKind::reboot;
    w.gateway.sendCommand(reboot);
    ASSERT_TRUE(w.device.runUntil([&] { return w.device.resets == 1; }, 1000));
    EXPECT_EQ(w.state().resetReason, wire::ResetReason::command);
}

TEST(UpdateAgent, WaitsWhileTheOutboxIsFull) {
    World w;
    w.gateway.full = true;
    w.device.powerOn();
    EXPECT_FALSE(w.device.runUntil([&] { return w.gateway.hello.has_value(); }, 1000));
    w.gateway.full = false;
    EXPECT_TRUE(w.device.runUntil([&] { return w.gateway.hello.has_value(); }, 1000));
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.device.agent->downloading(); }, 1000));
    w.gateway.full = true;
    w.device.runUntil([] { return false; }, 1000);
    w.gateway.full = false;
    EXPECT_TRUE(w.device.runUntil([&] { return w.confirmed(w.b); }, kMinute));
}

TEST(UpdateAgent, GivesUpADownloadWhenTheFlashFails) {
    World w;
    w.device.powerOn();
    w.gateway.send(w.gateway.offerOf(w.b, 1));
    ASSERT_TRUE(w.device.runUntil([&] { return w.gateway.needs == 1; }, kMinute));
    w.flash.failing = true;
    w.device.runUntil([&] { return w.gateway.inbox.empty(); }, 1000);
    EXPECT_TRUE(w.sawUpdate(UpdateState::refused, Reason::flash));
    w.flash.failing = false;
    EXPECT_EQ(w.device.powerOn().slot, 0);
}

}  // namespace
}  // namespace tinsmith::agent
