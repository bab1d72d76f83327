#include "firmware/agent/update_agent.hpp"
#include "firmware/boot/trailer.hpp"

namespace tinsmith::agent {

using wire::Reason;
using wire::UpdateState;

void UpdateAgent::pollHealth(std::uint64_t nowMs) {
    if (onTrial()) {
        const bool tested = selfTest_ == SelfTest::passed;
        if (selfTest_ == SelfTest::failed) return giveUp(Reason::selftest);
        if (tested && heardGateway_) return confirm();
        if (nowMs >= identity_.trialMs)
            return giveUp(tested ? Reason::no_gateway : Reason::selftest);
        return;
    }
    if (nowMs >= kHealthyMs && log_.get().bootsWithoutHealth != 0) {
        boot::State state = log_.get();
        state.bootsWithoutHealth = 0;
        (void)log_.set(state);  // else at the next poll
    }
}

void UpdateAgent::onCommand(std::span<const std::uint8_t> payload) {
    wire::Command command;
    if (!wire::decode(payload, command)) return;
    switch (command.kind) {
        case wire::CommandKind::alive: {
            if (!onTrial() || command.nonce != nonce_) return;
            std::array<std::uint8_t, wire::kMaxAliveMessage> message;
            const std::size_t size =
                wire::aliveMessage(message, identity_.deviceId, nonce_, runningDigest_);
            if (signedByRom(std::span(message).first(size), command.signature))
                heardGateway_ = true;
            return;
        }
        case wire::CommandKind::reboot:
            return restart(log_.get(), wire::ResetReason::command);
        case wire::CommandKind::sample:
        case wire::CommandKind::stop_sample:
            return host_.command(command);
    }
}

void UpdateAgent::confirm() {
    boot::State state = log_.get();
    state.activeSlot = state.runningSlot;
    state.trialSlot = wire::kNoSlot;
    state.bootsWithoutHealth = 0;
    state.failure = Reason::none;
    state.failureDigest = {};
    if (!log_.set(state)) return;  // still on trial; the next poll tries again
    (void)boot::markConfirmed(flash_, state.runningSlot);  // else at the next start
    helloDue_ = true;
    report(runningDigest_, UpdateState::confirmed, Reason::none);
}

void UpdateAgent::giveUp(Reason reason) {
    boot::State state = log_.get();
    state.trialSlot = wire::kNoSlot;
    state.failure = reason;
    state.failureDigest = runningDigest_;
    report(runningDigest_, UpdateState::reverted, reason);
    restart(state, wire::ResetReason::trial_failed);
}

}  // namespace tinsmith::agent
