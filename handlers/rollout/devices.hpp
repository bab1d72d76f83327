// The registry: every device that ever said hello, in memory and in the journal.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/flow/world.hpp"
#include "handlers/rollout/device.hpp"

namespace tinsmith::rollout {

inline constexpr std::size_t kMaxDevices = 1000;

class Devices {
  public:
    explicit Devices(World& world) : world_(world) {}

    [[nodiscard]] Status start();

    // Null when unknown. Pointers stay valid until the device is removed.
    [[nodiscard]] Device* find(std::string_view id);
    [[nodiscard]] const std::map<std::string, Device, std::less<>>& all() const { return devices_; }
    // The device that said hello, made if it is new. Null when the registry is full.
    [[nodiscard]] Device* admit(std::string_view id);

    // Writes the device with the next batch (a fifth of a second later): a hundred hellos are one
    // transaction.
    void touch(const std::string& id);
    // The write for a commit of the caller's own; the batch need not write it again.
    [[nodiscard]] Write write(const Device& device);

    [[nodiscard]] Status setGroups(const std::string& id, std::vector<std::string> groups);
    [[nodiscard]] Status erase(const std::string& id);

    // Ids in `group`, in order.
    [[nodiscard]] std::vector<std::string> inGroup(const std::string& group) const;

  private:
    Task<void> flushSoon();

    World& world_;
    std::map<std::string, Device, std::less<>> devices_;
    std::vector<std::string> dirty_;
    bool flushing_ = false;
    Nursery nursery_;
};

}  // namespace tinsmith::rollout
