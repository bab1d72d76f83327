#include <algorithm>
#include <cstring>

#include "firmware/agent/update_agent.hpp"
#include "firmware/boot/crypto.hpp"
#include "firmware/boot/layout.hpp"

namespace tinsmith::agent {

using wire::Reason;
using wire::UpdateState;

bool UpdateAgent::signedByRom(std::span<const std::uint8_t> message,
                              const wire::Signature& signature) const {
    return std::any_of(rom_.keys.begin(), rom_.keys.end(), [&](const auto& key) {
        return boot::isKey(key) && boot::ed25519Verify(key, message, signature);
    });
}

void UpdateAgent::onOffer(std::span<const std::uint8_t> payload, std::uint64_t nowMs) {
    wire::SignedOffer envelope;
    wire::Offer offer;
    if (!wire::decode(payload, envelope) || envelope.payload.size() > wire::kMaxOfferBytes) {
        return report({}, UpdateState::refused, Reason::bad_message);
    }
    const bool readable = wire::decode(envelope.payload, offer);

    std::array<std::uint8_t, wire::kOfferDomain.size() + wire::kMaxOfferBytes> message;
    std::copy(wire::kOfferDomain.begin(), wire::kOfferDomain.end(), message.begin());
    std::copy(envelope.payload.begin(), envelope.payload.end(),
              message.begin() + wire::kOfferDomain.size());
    const auto signedPart =
        std::span(message).first(wire::kOfferDomain.size() + envelope.payload.size());
    if (!signedByRom(signedPart, envelope.signature)) {
        return report(readable ? offer.digest : wire::Digest{}, UpdateState::refused,
                      Reason::bad_signature);
    }
    if (!readable) return report({}, UpdateState::refused, Reason::bad_message);

    const boot::State& now = log_.get();
    if (offer.target.view() == identity_.deviceId) {
        if (offer.digest == runningDigest_) {  // nothing to do; say so rather than refuse
            return report(offer.digest, onTrial() ? UpdateState::trial : UpdateState::confirmed,
                          Reason::none);
        }
        if (downloading() && offer.digest == now.offerDigest &&
            offer.sequence == now.offerSequence) {
            askAgainMs_ = nowMs;  // the same offer once more: the gateway came back, perhaps
            return report(offer.digest, UpdateState::downloading, Reason::none);
        }
    }
    if (const Reason reason = judge(offer); reason != Reason::none) {
        return report(offer.digest, UpdateState::refused, reason);
    }
    accept(offer, nowMs);
}

Reason UpdateAgent::judge(const wire::Offer& offer) const {
    const boot::State& state = log_.get();
    if (offer.target.view() != identity_.deviceId) return Reason::wrong_device;
    if (offer.board.view() != identity_.board) return Reason::wrong_board;
    if (state.trialSlot != wire::kNoSlot) return Reason::busy;
    if (offer.sequence <= state.offerSequence) return Reason::replayed;
    if (offer.slot == state.runningSlot) return Reason::wrong_slot;
    // The floor rises to the running image's counter as soon as the other slot is erased for this
    // one.
    if (offer.counter < std::max(state.floor, runningCounter_)) return Reason::old_counter;
    if (offer.size > boot::kMaxImageSize) return Reason::too_large;
    if (offer.size <= boot::kHeaderSize) return Reason::bad_message;
    return Reason::none;
}

void UpdateAgent::accept(const wire::Offer& offer, std::uint64_t nowMs) {
    boot::State state = log_.get();
    const bool goesOn = state.offerPhase == boot::OfferPhase::downloading &&
                        offer.digest == state.offerDigest && offer.size == state.offerSize &&
                        offer.slot == state.offerSlot;
    if (!goesOn) stopListening();
    state.offerPhase = goesOn ? boot::OfferPhase::downloading : boot::OfferPhase::erasing;
    state.offerSequence = offer.sequence;
    state.offerDigest = offer.digest;
    state.offerSize = offer.size;
    state.offerSlot = offer.slot;
    state.offerCounter = offer.counter;
    state.offerExpiresS = offer.expiresAfterS;
    // From here on there is no way back to an older image than the running one: the other slot
    // goes.
    state.floor = std::max(state.floor, runningCounter_);
    if (!log_.set(state)) return report(offer.digest, UpdateState::refused, Reason::flash);
    slots_[offer.slot] = {};
    offerStartMs_ = nowMs;
    helloDue_ = true;
    resume();
    report(offer.digest, UpdateState::offered, Reason::none);
}

}  // namespace tinsmith::agent
