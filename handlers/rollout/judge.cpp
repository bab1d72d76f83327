#include "handlers/rollout/judge.hpp"

#include <algorithm>

#include "handlers/flow/digest.hpp"

namespace tinsmith::rollout {

namespace {

constexpr int kMaxOffers = 3;                // of an image that a device could not take in
constexpr std::int64_t kBackOffMs = 15'000;  // doubles with every offer
constexpr std::int64_t kQuietMs =
    60'000;  // a download of which nothing was heard for so long was forgotten
constexpr std::int64_t kUnheardMs = 20'000;  // an offer that nobody reacted to
constexpr std::int64_t kAfterHelloMs =
    6'000;  // likewise, when the device has said hello since; above its longest `need` pause

std::string failureOf(const Device& device) {
    if (device.failure == wire::Reason::none) return {};
    return std::string(wire::name(device.failure)) + " " + device.failureDigest;
}

std::int64_t backOff(int offers) {
    return kBackOffMs << std::clamp(offers - 1, 0, 8);
}

bool move(Member& member, MemberState state, std::string reason = {}) {
    if (member.state == state && member.reason == reason) return false;
    member.state = state;
    member.reason = std::move(reason);
    return true;
}

bool giveUpOrRetry(Member& member, MemberState failed, wire::Reason reason, Now now) {
    const std::string text(wire::name(reason));
    if (!mayRetry(reason, member.offers)) return move(member, failed, text);
    member.notBefore = now.unixMs + backOff(member.offers);
    return move(member, MemberState::waiting, text);
}

// Reasons that judge an offer, not an image: they say nothing about an offer that was accepted
// earlier.
bool aboutOffer(wire::Reason reason) {
    return reason >= wire::Reason::bad_message && reason <= wire::Reason::busy;
}

// This hello tells that the image we offered was booted and given up.
bool fellBack(const Member& member, const Device& device) {
    if (member.trialSeen) return true;
    if (device.failureDigest != member.digest || device.failure == wire::Reason::none) return false;
    if (device.bootCount == member.bootCount) return false;
    // A failure from before the offer stays in the hello until an image is confirmed; it is news
    // only with a boot to match.
    return device.resetReason == wire::ResetReason::trial_failed ||
           device.resetReason == wire::ResetReason::fallback ||
           failureOf(device) != member.failureBefore;
}

}  // namespace

bool mayRetry(wire::Reason reason, int offersSoFar) {
    switch (reason) {
        case wire::Reason::no_gateway:  // ends with the deadline
        case wire::Reason::busy:
            return true;
        case wire::Reason::replayed:
        case wire::Reason::wrong_slot:
        case wire::Reason::expired:
        case wire::Reason::bad_digest:
        case wire::Reason::digest_differs:
            return offersSoFar < kMaxOffers;
        default:
            return false;
    }
}

bool judgeHello(Member& member, const Device& device, const VersionImages& images, Now now) {
    const bool runsIt = images.has(device.board, device.running);
    if (runsIt && !device.trial) return move(member, MemberState::confirmed);
    if (isFailure(member.state)) return false;
    // The journal may lag behind what the device said last: only a hello of this process's time
    // counts against it.
    if (device.helloAt == 0) return false;
    if (runsIt) {
        const bool first = !member.trialSeen;
        member.trialSeen = true;
        member.heardAt = now.steadyMs;
        return move(member, MemberState::trial) || first;
    }
    if (member.state == MemberState::confirmed) {
        const bool known = device.failure != wire::Reason::none;
        return move(member, MemberState::reverted,
                    known ? std::string(wire::name(device.failure)) : "runs another image again");
    }
    if (!inProgress(member.state) || !fellBack(member, device)) return false;
    const bool named = device.failureDigest == member.digest;
    return giveUpOrRetry(member, MemberState::reverted,
                         named ? device.failure : wire::Reason::unhealthy, now);
}

bool judgeUpdate(Member& member, const wire::Update& update, Now now) {
    if (!inProgress(member.state) || toHex(update.digest) != member.digest) return false;
    const int before = member.percent;
    switch (update.state) {
        case wire::UpdateState::offered:
        case wire::UpdateState::downloading:
            member.heardAt = now.steadyMs;
            member.percent = std::min<int>(update.percent, 100);
            return move(member, MemberState::downloading) || member.percent != before;
        case wire::UpdateState::verifying:
            member.heardAt = now.steadyMs;
            return move(member, MemberState::verifying);
        case wire::UpdateState::trial:
            member.heardAt = now.steadyMs;
            return move(member, MemberState::trial);
        case wire::UpdateState::refused:
            if (aboutOffer(update.reason) && member.state != MemberState::offered) return false;
            return giveUpOrRetry(member, MemberState::refused, update.reason, now);
        case wire::UpdateState::confirmed:
        case wire::UpdateState::reverted:
            return false;  // the hello that comes with it decides
    }
    return false;
}

bool offerDue(const Member& member, const Device& device, Now now) {
    if (!device.online || device.trial || member.deadline == 0) return false;
    if (member.state == MemberState::waiting) return now.unixMs >= member.notBefore;
    const std::int64_t heard = std::max(member.heardAt, device.needAt);
    const std::int64_t quiet = now.steadyMs - heard;
    if (member.state == MemberState::offered) {
        const bool unaware =
            device.helloAt > member.heardAt && device.reportedSequence < member.sequence;
        return quiet >= kUnheardMs || (unaware && now.steadyMs - device.helloAt >= kAfterHelloMs &&
                                       quiet >= kAfterHelloMs);
    }
    return inProgress(member.state) && quiet >= kQuietMs;
}

void noteOffer(Member& member, const Device& device, Now now) {
    member.state = MemberState::offered;
    member.reason.clear();
    member.percent = 0;
    ++member.offers;
    member.digest = device.offer->image.digest;
    member.sequence = device.offer->sequence;
    member.bootCount = device.bootCount;
    member.failureBefore = failureOf(device);
    member.trialSeen = false;
    member.heardAt = now.steadyMs;
}

}  // namespace tinsmith::rollout
