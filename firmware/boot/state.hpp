// What a device remembers: one snapshot record, appended to a log over two NOR pages. A record is
// whole (CRC) or does not exist, so every change of state is atomic whatever the power does; all
// decisions rest on this alone.
#pragma once

#include <array>
#include <cstdint>

#include "firmware/boot/flash.hpp"
#include "firmware/wire/messages.hpp"
#include "firmware/wire/reason.hpp"

namespace tinsmith::boot {

enum class OfferPhase : std::uint8_t { none = 0, erasing = 1, downloading = 2 };

// The flash format: only ever use the reserved bytes for additions.
struct State {
    std::uint64_t offerSequence = 0;  // of the last accepted offer
    std::uint32_t bootCount = 0;
    std::uint32_t floor = 0;  // lowest security counter that boots
    std::uint32_t offerSize = 0;
    std::uint32_t offerCounter = 0;
    std::uint32_t offerExpiresS = 0;
    std::uint8_t activeSlot = wire::kNoSlot;  // confirmed; kNoSlot before the first boot
    std::uint8_t runningSlot = wire::kNoSlot;
    std::uint8_t trialSlot = wire::kNoSlot;  // to be booted on trial, or on trial now
    std::uint8_t bootsWithoutHealth = 0;     // of the running slot, this boot included
    OfferPhase offerPhase = OfferPhase::none;
    std::uint8_t offerSlot = 0;
    wire::ResetReason resetReason{};   // why this boot happened
    wire::ResetReason plannedReset{};  // set before a deliberate reset
    wire::Reason failure = wire::Reason::none;
    std::array<std::uint8_t, 7> reserved{};
    wire::Digest offerDigest{};
    wire::Digest failureDigest{};

    [[nodiscard]] bool onTrial() const {
        return trialSlot != wire::kNoSlot && trialSlot == runningSlot;
    }
    bool operator==(const State&) const = default;
};
static_assert(sizeof(State) == 112);

class StateLog {
  public:
    // Finds the newest whole record.
    explicit StateLog(Flash& flash);

    // Defaults when there was never one.
    [[nodiscard]] const State& get() const { return state_; }
    // Appends; false when the flash failed, and then the old state holds. Writes nothing when
    // nothing changed.
    [[nodiscard]] bool set(const State& state);

  private:
    [[nodiscard]] bool append(std::uint32_t page, std::uint32_t record, const State& state);

    Flash& flash_;
    State state_;
    std::uint64_t serial_ = 0;  // rises with every record
    std::uint32_t page_ = 0;    // of the newest record
    std::uint32_t next_ = 0;    // first unused record of that page
};

}  // namespace tinsmith::boot
