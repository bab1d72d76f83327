// The answer that a device on trial must hear: a message signed over this boot's nonce.
#pragma once

#include <set>
#include <string>

#include "handlers/flow/world.hpp"
#include "handlers/rollout/devices.hpp"

namespace tinsmith::rollout {

class Alive {
  public:
    Alive(World& world, Devices& devices) : world_(world), devices_(devices) {}

    // Signs and sends it. Devices on trial repeat their hello until they have heard it, so a
    // failure here is only counted; while one answer to a device is being signed, further hellos of
    // it are not answered.
    void answer(const Device& device);

    [[nodiscard]] std::uint64_t failures() const { return failures_; }

  private:
    Task<void> send(std::string id, wire::Nonce nonce, std::string running);

    World& world_;
    Devices& devices_;
    std::set<std::string> signing_;
    std::uint64_t failures_ = 0;
    Nursery nursery_;
};

}  // namespace tinsmith::rollout
