// device: list, group and remove.
#include "handlers/requests/answers.hpp"

namespace tinsmith {

Result<Json> answer(const Context& context, const DeviceList&) {
    auto devices = context.fleet.devices();
    if (!devices) return std::unexpected(devices.error());
    return Json{{"devices", std::move(*devices)}};
}

Result<Json> answer(const Context& context, const DeviceGroup& request) {
    if (auto set = context.fleet.setGroups(request.device, request.groups); !set) {
        return std::unexpected(set.error());
    }
    return Json{{"device", request.device}, {"groups", request.groups}};
}

Result<Json> answer(const Context& context, const DeviceRemove& request) {
    if (auto removed = context.fleet.remove(request.device); !removed) {
        return std::unexpected(removed.error());
    }
    return Json{{"device", request.device}, {"removed", true}};
}

}  // namespace tinsmith
