#include <algorithm>

#include "firmware/agent/update_agent.hpp"
#include "firmware/boot/layout.hpp"
#include "firmware/boot/trailer.hpp"
#include "firmware/wire/bitmap.hpp"

namespace tinsmith::agent {

using boot::OfferPhase;
using wire::Reason;
using wire::UpdateState;

std::uint32_t UpdateAgent::blockCount() const {
    return (log_.get().offerSize + wire::kBlockSize - 1) / wire::kBlockSize;
}

std::uint64_t UpdateAgent::expiresAtMs() const {
    return offerStartMs_ + std::uint64_t{1000} * log_.get().offerExpiresS;
}

// What was received is read from the flash, so going on after a reboot and going on now are the
// same thing.
void UpdateAgent::resume() {
    const boot::State& state = log_.get();
    erased_ = 0;
    asked_ = 0;
    askedEnd_ = 0;
    askAgainMs_ = 0;
    backOffMs_ = kNeedFirstMs;
    missing_ = blockCount();
    if (state.offerPhase != OfferPhase::downloading) return;
    for (std::uint32_t n = 0; n < blockCount(); ++n) {
        if (boot::blockReceived(flash_, state.offerSlot, n)) --missing_;
    }
}

void UpdateAgent::pollDownload(std::uint64_t nowMs) {
    const boot::State& state = log_.get();
    if (!downloading()) return;
    if (state.offerExpiresS != 0 && nowMs >= expiresAtMs()) return abandon(Reason::expired);
    if (state.offerPhase == OfferPhase::erasing) return eraseNext();
    if (missing_ == 0) return verifyDownload();
    if (connected_ && subscribed_) askForBlocks(nowMs);
}

// One page a call, the trailer first. A power cut starts it over: half-erased pages can not be told
// from erased ones.
void UpdateAgent::eraseNext() {
    boot::State state = log_.get();
    const std::uint32_t pages = (state.offerSize + boot::kPageSize - 1) / boot::kPageSize;
    if (erased_ <= pages) {
        const std::uint32_t page =
            erased_ == 0 ? boot::trailerOffset(state.offerSlot)
                         : boot::slotOffset(state.offerSlot) + (erased_ - 1) * boot::kPageSize;
        ++erased_;
        if (!flash_.erase(page)) abandon(Reason::flash);
        return;
    }
    state.offerPhase = OfferPhase::downloading;
    if (!log_.set(state)) return abandon(Reason::flash);
    resume();
    report(state.offerDigest, UpdateState::downloading, Reason::none);
}

void UpdateAgent::askForBlocks(std::uint64_t nowMs) {
    const boot::State& state = log_.get();
    if (!blocksSubscribed_) {
        wire::TopicBuffer topic;
        blocksSubscribed_ = outbox_.subscribe(wire::blockFilter(topic, state.offerDigest));
        if (!blocksSubscribed_) return;
    }
    if (nowMs < askAgainMs_) return;

    wire::Need need;
    need.digest = state.offerDigest;
    need.total = blockCount();
    while (boot::blockReceived(flash_, state.offerSlot, need.first)) ++need.first;
    const std::uint32_t end = std::min<std::uint32_t>(need.first + wire::kWindowBlocks, need.total);
    std::uint32_t wanted = 0;
    for (std::uint32_t n = need.first; n < end; ++n) {
        if (boot::blockReceived(flash_, state.offerSlot, n)) continue;
        wire::setBit(need.bitmap, n - need.first);
        ++wanted;
    }
    need.bitmapBytes = static_cast<std::uint8_t>((end - need.first + 7) / 8);

    std::array<std::uint8_t, 160> buffer;
    const std::size_t size = wire::encode(need, buffer);
    if (!send(wire::kLeafNeed, std::span(buffer).first(size), false)) {
        askAgainMs_ = nowMs + kNeedFirstMs / 10;
        return;
    }
    asked_ = wanted;
    askedEnd_ = end;
    askAgainMs_ = nowMs + backOffMs_;
    backOffMs_ = std::min(2 * backOffMs_, kNeedLongestMs);
}

void UpdateAgent::onBlock(const wire::BlockTopic& topic, std::span<const std::uint8_t> payload,
                          std::uint64_t nowMs) {
    const boot::State& state = log_.get();
    const std::uint32_t count = blockCount();
    if (state.offerPhase != OfferPhase::downloading || topic.digest != state.offerDigest ||
        topic.n >= count)
        return;
    const std::uint32_t start = topic.n * static_cast<std::uint32_t>(wire::kBlockSize);
    const std::size_t expected = std::min<std::size_t>(wire::kBlockSize, state.offerSize - start);
    if (payload.size() != expected || boot::blockReceived(flash_, state.offerSlot, topic.n)) return;

    const std::uint32_t offset = boot::slotOffset(state.offerSlot) + start;
    const bool written = flash_.program(offset, payload);
    const auto content = flash_.view(offset, static_cast<std::uint32_t>(expected));
    if (!written || !std::equal(content.begin(), content.end(), payload.begin(), payload.end()) ||
        !boot::markBlockReceived(flash_, state.offerSlot, topic.n)) {
        return abandon(Reason::flash);
    }
    const std::uint32_t tenthsBefore = (count - missing_) * 10 / count;
    --missing_;
    if ((count - missing_) * 10 / count != tenthsBefore) {
        report(state.offerDigest, UpdateState::downloading, Reason::none);
    }
    // All blocks below the asked window are there already, so a new one below its end was asked
    // for.
    if (topic.n < askedEnd_ && asked_ != 0) --asked_;
    backOffMs_ = kNeedFirstMs;
    askAgainMs_ = asked_ == 0 ? nowMs : nowMs + backOffMs_;
}

void UpdateAgent::verifyDownload() {
    boot::State state = log_.get();
    report(state.offerDigest, UpdateState::verifying, Reason::none);
    const auto bytes = flash_.view(boot::slotOffset(state.offerSlot), boot::kMaxImageSize);
    boot::ImageInfo info;
    Reason reason = boot::verify(bytes, boot::slotAddress(state.offerSlot),
                                 {rom_, identity_.board, state.floor}, info);
    const bool asOffered = info.digest == state.offerDigest && info.totalSize == state.offerSize &&
                           info.counter == state.offerCounter;
    if (reason == Reason::none && !asOffered) reason = Reason::digest_differs;
    if (reason != Reason::none) return abandon(reason);

    stopListening();
    state.offerPhase = OfferPhase::none;
    state.trialSlot = state.offerSlot;
    state.plannedReset = wire::ResetReason::update;
    if (!log_.set(state)) return abandon(Reason::flash);
    report(state.offerDigest, UpdateState::trial, Reason::none);
    restart(state, wire::ResetReason::update);
}

void UpdateAgent::stopListening() {
    if (!blocksSubscribed_) return;
    wire::TopicBuffer topic;
    outbox_.unsubscribe(wire::blockFilter(topic, log_.get().offerDigest));
    blocksSubscribed_ = false;
}

void UpdateAgent::abandon(Reason reason) {
    stopListening();
    boot::State state = log_.get();
    state.offerPhase = OfferPhase::none;
    state.failure = reason;
    state.failureDigest = state.offerDigest;
    (void)log_.set(state);  // if the log refuses, the next start tries once more
    helloDue_ = true;
    report(state.offerDigest, UpdateState::refused, reason);
}

}  // namespace tinsmith::agent
