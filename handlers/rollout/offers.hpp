// Signed offers: an image for the slot that is not running, with a sequence that only rises per
// device.
#pragma once

#include <string>

#include "handlers/flow/world.hpp"
#include "handlers/rollout/devices.hpp"

namespace tinsmith::rollout {

class Offers {
  public:
    Offers(World& world, Devices& devices) : world_(world), devices_(devices) {}

    // Notes the offer in the device's record with the next sequence. The returned write must be
    // committed before `send`: a sequence that was ever on the air is never given out again,
    // whatever happens to the process.
    [[nodiscard]] Write prepare(Device& device, const Image& image, const std::string& version,
                                std::int64_t expiresS);
    // Signs and publishes what was prepared. Nothing happens when the device is gone by then. Fails
    // with signing_failed.
    Task<Status> send(std::string id);

    [[nodiscard]] std::uint64_t sent() const { return sent_; }

  private:
    World& world_;
    Devices& devices_;
    std::uint64_t sent_ = 0;
};

}  // namespace tinsmith::rollout
