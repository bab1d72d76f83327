#include "handlers/rollout/devices.hpp"

#include <algorithm>

namespace tinsmith::rollout {

namespace {
constexpr std::int64_t kBatchMs = 200;
constexpr std::int64_t kRetryMs = 5000;  // after a failed commit: a full disk, say
}  // namespace

Status Devices::start() {
    const auto records = world_.journal.list("device");
    if (!records) return std::unexpected(records.error());
    for (const Record& record : *records) {
        Device device = deviceFromJson(record.value);
        device.id = record.key;
        devices_.insert_or_assign(record.key, std::move(device));
    }
    return {};
}

Device* Devices::find(std::string_view id) {
    const auto it = devices_.find(id);
    return it == devices_.end() ? nullptr : &it->second;
}

Device* Devices::admit(std::string_view id) {
    if (Device* known = find(id)) return known;
    if (devices_.size() >= kMaxDevices) return nullptr;
    Device& device = devices_[std::string(id)];
    device.id = std::string(id);
    device.firstSeen = world_.clock.unixMs();
    return &device;
}

void Devices::touch(const std::string& id) {
    if (std::find(dirty_.begin(), dirty_.end(), id) == dirty_.end()) dirty_.push_back(id);
    if (flushing_) return;
    flushing_ = true;
    nursery_.spawn(flushSoon());
}

Write Devices::write(const Device& device) {
    return {"device", device.id, toJson(device)};
}

Task<void> Devices::flushSoon() {
    std::int64_t pause = kBatchMs;
    while (!dirty_.empty()) {
        const Status slept = co_await world_.clock.sleep(pause, CancelToken());
        if (!slept) break;
        std::vector<Write> writes;
        for (const std::string& id : dirty_) {
            if (const Device* device = find(id)) writes.push_back(write(*device));
        }
        if (writes.empty() || world_.journal.commit(writes)) {
            dirty_.clear();
        } else {
            pause = kRetryMs;
        }
    }
    flushing_ = false;
}

Status Devices::setGroups(const std::string& id, std::vector<std::string> groups) {
    Device* device = find(id);
    if (device == nullptr) {
        return fail(Code::unknown_device, "no device \"" + id + "\" has said hello",
                    "`device` with action list names those that are known", "/device");
    }
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    std::swap(device->groups, groups);
    const Status committed = world_.journal.commit({write(*device)});
    if (!committed) std::swap(device->groups, groups);
    return committed;
}

Status Devices::erase(const std::string& id) {
    const Status committed = world_.journal.commit({{"device", id, std::nullopt}});
    if (committed) devices_.erase(id);
    return committed;
}

std::vector<std::string> Devices::inGroup(const std::string& group) const {
    std::vector<std::string> ids;
    for (const auto& [id, device] : devices_) {
        const auto& groups = device.groups;
        if (std::find(groups.begin(), groups.end(), group) != groups.end()) ids.push_back(id);
    }
    return ids;
}

}  // namespace tinsmith::rollout
