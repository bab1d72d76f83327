#include "firmware/boot/decide.hpp"

#include "firmware/boot/image.hpp"
#include "firmware/boot/layout.hpp"
#include "firmware/boot/state.hpp"
#include "firmware/boot/trailer.hpp"

namespace tinsmith::boot {

namespace {

using wire::Reason;

struct Slot {
    Reason fault = Reason::no_image;
    bool confirmed = false;
    std::uint32_t counter = 0;
    wire::Digest digest{};
};
using Slots = std::array<Slot, 2>;

Slots readSlots(const Flash& flash, const Trust& trust) {
    Slots slots;
    for (std::uint8_t i = 0; i < 2; ++i) {
        ImageInfo info;
        slots[i].fault =
            verify(flash.view(slotOffset(i), kMaxImageSize), slotAddress(i), trust, info);
        slots[i].confirmed = isConfirmed(flash, i);
        slots[i].counter = info.counter;
        slots[i].digest = info.digest;
    }
    return slots;
}

bool runs(const Slot& slot) {
    return slot.fault == Reason::none;
}

// For the first boot, and should the log ever be lost: a confirmed image before others, then the
// newer one.
std::uint8_t bestSlot(const Slots& slots) {
    const auto rank = [](const Slot& slot) {
        return (runs(slot) ? 2 : 0) + (runs(slot) && slot.confirmed ? 1 : 0);
    };
    if (rank(slots[0]) != rank(slots[1])) return rank(slots[1]) > rank(slots[0]) ? 1 : 0;
    return slots[1].counter > slots[0].counter ? 1 : 0;
}

void giveUp(State& state, Reason reason, const wire::Digest& digest) {
    state.failure = reason;
    state.failureDigest = digest;
    state.resetReason = wire::ResetReason::fallback;
}

// The trial slot if its image may have (another) try; else ends the trial.
bool takeTrial(State& state, const Slots& slots) {
    if (state.trialSlot >= slots.size()) return false;
    Reason fault = slots[state.trialSlot].fault;
    const bool begun = state.runningSlot == state.trialSlot;
    if (fault == Reason::none && begun && state.bootsWithoutHealth >= kTrialBoots)
        fault = Reason::unhealthy;
    if (fault == Reason::none) return true;
    state.trialSlot = wire::kNoSlot;
    giveUp(state, fault, state.offerDigest);
    return false;
}

// The active slot, or the other one where the active one can not or should not run. An image that
// never passed a trial stands in for a broken one, but not for one that merely fails to stay up.
std::uint8_t takeActive(State& state, const Slots& slots) {
    const std::uint8_t active = state.activeSlot;
    const Slot& other = slots[1 - active];
    Reason fault = slots[active].fault;
    const bool flapping =
        state.runningSlot == active && state.bootsWithoutHealth >= kUnhealthyBoots;
    if (fault == Reason::none && flapping && other.confirmed) fault = Reason::unhealthy;
    if (fault == Reason::none || !runs(other)) return active;
    giveUp(state, fault, slots[active].digest);
    state.activeSlot = static_cast<std::uint8_t>(1 - active);
    return state.activeSlot;
}

}  // namespace

Decision decide(Flash& flash, const RomInfo& rom, std::string_view board) {
    StateLog log(flash);
    State state = log.get();
    const Slots slots = readSlots(flash, {rom, board, state.floor});

    ++state.bootCount;
    state.resetReason = state.plannedReset;
    state.plannedReset = wire::ResetReason::unplanned;
    if (state.activeSlot >= slots.size()) state.activeSlot = bestSlot(slots);

    std::uint8_t slot = takeTrial(state, slots) ? state.trialSlot : takeActive(state, slots);
    if (!runs(slots[slot])) return {};
    if (slot != state.runningSlot) state.bootsWithoutHealth = 0;
    if (state.bootsWithoutHealth < 0xFF) ++state.bootsWithoutHealth;
    state.runningSlot = slot;

    // The agent learns from the log which slot it runs from, and erases the other. So what the log
    // can not be told is not done: the slot it names boots again.
    if (!log.set(state)) {
        const std::uint8_t known = log.get().runningSlot;
        if (known < slots.size() && runs(slots[known])) slot = known;
    }
    const bool trial = slot == log.get().trialSlot;
    return {true, slot, trial, slotAddress(slot) + kHeaderSize};
}

}  // namespace tinsmith::boot
