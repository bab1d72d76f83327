#include "firmware/agent/update_agent.hpp"

#include <algorithm>

#include "firmware/boot/crypto.hpp"
#include "firmware/boot/layout.hpp"
#include "firmware/boot/trailer.hpp"

namespace tinsmith::agent {

namespace {

constexpr std::uint64_t kRetryMs = 50;  // after the outbox had no room
constexpr std::uint64_t kIdleMs = 60 * 1000;

wire::Nonce makeNonce(const Identity& identity, std::uint32_t bootCount,
                      const wire::Digest& running) {
    // No hardware randomness is needed: the boot count never repeats, so neither does this.
    std::array<std::uint8_t, 4> count;
    for (std::size_t i = 0; i < count.size(); ++i)
        count[i] = static_cast<std::uint8_t>(bootCount >> (8 * i));
    boot::Sha256 hash;
    hash.update(identity.seed);
    hash.update({reinterpret_cast<const std::uint8_t*>(identity.deviceId.data()),
                 identity.deviceId.size()});
    hash.update(count);
    hash.update(running);
    const auto digest = hash.finish();
    wire::Nonce nonce{};
    std::copy_n(digest.begin(), nonce.size(), nonce.begin());
    return nonce;
}

}  // namespace

UpdateAgent::UpdateAgent(boot::Flash& flash, const boot::RomInfo& rom, const Identity& identity,
                         Outbox& outbox, Host& host)
    : flash_(flash), rom_(rom), identity_(identity), outbox_(outbox), host_(host), log_(flash) {
    checkSlots();
    const boot::State& state = log_.get();
    nonce_ = makeNonce(identity_, state.bootCount, runningDigest_);

    if (state.onTrial()) {
        report(runningDigest_, wire::UpdateState::trial, wire::Reason::none);
    } else if (state.resetReason == wire::ResetReason::trial_failed ||
               state.resetReason == wire::ResetReason::fallback) {
        report(state.failureDigest, wire::UpdateState::reverted, state.failure);
    }
    // A confirm that the power cut short after its record: only the mark in the trailer is missing.
    if (!state.onTrial() && state.runningSlot < 2 &&
        !boot::isConfirmed(flash_, state.runningSlot)) {
        (void)boot::markConfirmed(flash_, state.runningSlot);
    }
    if (downloading() && state.offerSlot == state.runningSlot) {
        abandon(wire::Reason::wrong_slot);  // the boot loader fell back into the slot that was to
                                            // be written
    } else if (downloading()) {
        resume();
    }
}

void UpdateAgent::checkSlots() {
    const boot::State& state = log_.get();
    for (std::uint8_t i = 0; i < 2; ++i) {
        const auto bytes = flash_.view(boot::slotOffset(i), boot::kMaxImageSize);
        boot::ImageInfo info;
        wire::Reason fault = wire::Reason::none;
        if (i == state.runningSlot) {  // verified by the boot loader a moment ago
            fault = boot::inspect(bytes, info);
            runningDigest_ = info.digest;
            runningCounter_ = info.counter;
        } else {
            fault = boot::verify(bytes, boot::slotAddress(i), {rom_, identity_.board, state.floor},
                                 info);
        }
        slots_[i] = {};
        if (fault == wire::Reason::none) slots_[i] = {true, info.digest, info.counter};
    }
}

void UpdateAgent::onConnected(std::uint64_t nowMs) {
    connected_ = true;
    subscribed_ = false;
    blocksSubscribed_ = false;
    helloDue_ = true;
    askAgainMs_ = nowMs;
    backOffMs_ = kNeedFirstMs;
}

void UpdateAgent::onDisconnected() {
    connected_ = false;
}

void UpdateAgent::onMessage(std::string_view topic, std::span<const std::uint8_t> payload,
                            std::uint64_t nowMs) {
    if (resetDue_) return;
    wire::BlockTopic block{};
    wire::DeviceTopic device{};
    if (wire::parseBlockTopic(topic, block)) {
        onBlock(block, payload, nowMs);
    } else if (wire::parseDeviceTopic(topic, device) && device.id == identity_.deviceId) {
        if (device.leaf == wire::kLeafOffer) onOffer(payload, nowMs);
        if (device.leaf == wire::kLeafCommand) onCommand(payload);
    }
}

void UpdateAgent::selfTest(bool passed) {
    selfTest_ = passed ? SelfTest::passed : SelfTest::failed;
}

std::uint64_t UpdateAgent::poll(std::uint64_t nowMs) {
    if (resetDue_) return nowMs + kIdleMs;
    pollHealth(nowMs);
    if (!resetDue_) pollDownload(nowMs);
    flushMessages(nowMs);
    return nextDeadline(nowMs);
}

std::uint64_t UpdateAgent::nextDeadline(std::uint64_t nowMs) const {
    const boot::State& state = log_.get();
    std::uint64_t next = nowMs + kIdleMs;
    if (resetDue_) return next;
    const auto atMost = [&](std::uint64_t when) { next = std::min(next, std::max(when, nowMs)); };
    if (state.offerPhase == boot::OfferPhase::erasing) return nowMs;
    if (onTrial()) atMost(identity_.trialMs);
    if (onTrial() && connected_) atMost(helloAgainMs_);
    if (!onTrial() && state.bootsWithoutHealth != 0) atMost(std::max(kHealthyMs, nowMs + kRetryMs));
    if (downloading() && connected_ && blocksSubscribed_) atMost(askAgainMs_);
    if (downloading() && state.offerExpiresS != 0) atMost(expiresAtMs());
    const bool unsent =
        !subscribed_ || helloDue_ || updateDue_ || (downloading() && !blocksSubscribed_);
    if (connected_ && unsent) atMost(nowMs + kRetryMs);
    return next;
}

void UpdateAgent::flushMessages(std::uint64_t nowMs) {
    if (!connected_) return;
    wire::TopicBuffer topic;
    if (!subscribed_) {
        subscribed_ =
            outbox_.subscribe(wire::deviceTopic(topic, identity_.deviceId, wire::kLeafOffer)) &&
            outbox_.subscribe(wire::deviceTopic(topic, identity_.deviceId, wire::kLeafCommand));
    }
    if (onTrial() && nowMs >= helloAgainMs_) helloDue_ = true;
    if (helloDue_ && subscribed_) {
        std::array<std::uint8_t, wire::kMaxMessageBytes> buffer;
        const std::size_t size = wire::encode(makeHello(), buffer);
        helloDue_ = !send(wire::kLeafHello, std::span(buffer).first(size), true);
        if (!helloDue_) helloAgainMs_ = nowMs + kTrialHelloMs;
    }
    if (updateDue_ && !helloDue_) {
        std::array<std::uint8_t, 64> buffer;
        const std::size_t size = wire::encode(update_, buffer);
        updateDue_ = !send(wire::kLeafUpdate, std::span(buffer).first(size), false);
    }
}

bool UpdateAgent::send(std::string_view leaf, std::span<const std::uint8_t> payload, bool retain) {
    wire::TopicBuffer topic;
    return outbox_.publish(wire::deviceTopic(topic, identity_.deviceId, leaf), payload, retain);
}

// Progress messages overwrite each other while there is no connection: only the last one is worth
// sending.
void UpdateAgent::report(const wire::Digest& digest, wire::UpdateState state, wire::Reason reason) {
    update_ = {digest, state, 0, reason};
    const bool whole = state != wire::UpdateState::downloading &&
                       state != wire::UpdateState::offered && state != wire::UpdateState::refused;
    const std::uint32_t blocks = blockCount();
    if (whole) {
        update_.percent = 100;
    } else if (state == wire::UpdateState::downloading && blocks != 0) {
        update_.percent = static_cast<std::uint8_t>((blocks - missing_) * 100 / blocks);
    }
    updateDue_ = true;
    if (connected_ && subscribed_) {
        std::array<std::uint8_t, 64> buffer;
        const std::size_t size = wire::encode(update_, buffer);
        updateDue_ = !send(wire::kLeafUpdate, std::span(buffer).first(size), false);
    }
}

wire::Hello UpdateAgent::makeHello() const {
    const boot::State& state = log_.get();
    wire::Hello hello;
    // Both were checked when the device was made; a text that does not fit stays empty.
    (void)hello.deviceId.assign(identity_.deviceId);
    (void)hello.board.assign(identity_.board);
    (void)hello.modelName.assign(identity_.modelName);
    (void)hello.modelVersion.assign(identity_.modelVersion);
    hello.runningSlot = state.runningSlot == 1 ? 1 : 0;
    hello.slots = slots_;
    hello.runningDigest = runningDigest_;
    hello.trial = state.onTrial();
    hello.bootCount = state.bootCount;
    hello.nonce = nonce_;
    hello.resetReason = state.resetReason;
    hello.failure = state.failure;
    hello.failureDigest = state.failureDigest;
    hello.sequence = state.offerSequence;
    hello.floor = state.floor;
    hello.slotSize = boot::kMaxImageSize;
    return hello;
}

std::size_t UpdateAgent::will(std::span<std::uint8_t> out) const {
    wire::Hello hello = makeHello();
    hello.online = false;
    return wire::encode(hello, out);
}

void UpdateAgent::restart(boot::State state, wire::ResetReason reason) {
    state.plannedReset = reason;
    // Should the log refuse, the boot loader still ends a trial after its three boots.
    (void)log_.set(state);
    resetDue_ = true;
    host_.reset();
}

}  // namespace tinsmith::agent
