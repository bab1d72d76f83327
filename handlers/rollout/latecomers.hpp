// Brings devices up to the version that a finished rollout set for their group: those that slept
// then, were added later or were reset to the factory firmware.
#pragma once

#include <functional>
#include <string>

#include "handlers/flow/world.hpp"
#include "handlers/rollout/devices.hpp"
#include "handlers/rollout/offers.hpp"
#include "handlers/rollout/rollouts.hpp"
#include "handlers/rollout/version_images.hpp"
#include "handlers/rollout/waker.hpp"

namespace tinsmith::rollout {

class Latecomers {
  public:
    Latecomers(World& world, Devices& devices, Offers& offers, Rollouts& rollouts)
        : world_(world), devices_(devices), offers_(offers), rollouts_(rollouts) {}

    [[nodiscard]] Status start();
    // A device said hello or joined a group.
    void changed(const std::string& device);
    // A rollout ended.
    void groupsChanged();
    // A refusal of an offer that no rollout made.
    void update(Device& device, const wire::Update& update);

    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  private:
    struct Target {
        std::int64_t updated = 0;
        VersionImages images;
    };

    [[nodiscard]] Status readGroups();
    // The version that the device's groups want; of several, the one that was rolled out last. Null
    // when there is none.
    [[nodiscard]] const Target* targetOf(const Device& device) const;
    Task<void> serve();
    // Offers, or tells when to look again (unix ms; 0 = only when something changes).
    Task<std::int64_t> consider(std::string id);

    World& world_;
    Devices& devices_;
    Offers& offers_;
    Rollouts& rollouts_;
    std::map<std::string, Target> groups_;
    std::map<std::string, std::int64_t> waiting_;  // device -> unix ms of the next look
    std::map<std::string, wire::Nonce> boots_;  // the boot in which each was last offered something
    bool serving_ = false;
    Waker waker_;
    Nursery nursery_;
};

}  // namespace tinsmith::rollout
