#include "daemon/house.hpp"

#include "handlers/requests/registry.hpp"

namespace tinsmith::daemon {

House::House(World& world) : fleet_(world), jobs_(world), desk_(world, jobs_, fleet_) {
    addStories(jobs_, fleet_);
}

Status House::start() {
    Status started = fleet_.start();
    if (started) started = desk_.start();
    if (started) started = jobs_.resume();
    return started;
}

}  // namespace tinsmith::daemon
