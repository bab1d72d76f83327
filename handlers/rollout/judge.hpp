// What a rollout makes of a device's messages. Truth is the hello; progress messages only move the
// states in between.
#pragma once

#include <cstdint>

#include "handlers/rollout/device.hpp"
#include "handlers/rollout/rollout_record.hpp"
#include "handlers/rollout/version_images.hpp"

namespace tinsmith::rollout {

struct Now {
    std::int64_t unixMs = 0;
    std::int64_t steadyMs = 0;
};

// Brings the member's state up to what the device's last hello says. True when it changed.
bool judgeHello(Member& member, const Device& device, const VersionImages& images, Now now);

// Takes a progress message in. True when the state changed.
bool judgeUpdate(Member& member, const wire::Update& update, Now now);

// The member should be offered the image now: it waits and its back-off is over, or it was offered
// and has forgotten.
bool offerDue(const Member& member, const Device& device, Now now);

// Notes that `device.offer` is this member's offer now.
void noteOffer(Member& member, const Device& device, Now now);

// Device reasons after which the same image may be offered once more.
bool mayRetry(wire::Reason reason, int offersSoFar);

}  // namespace tinsmith::rollout
