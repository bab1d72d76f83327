#include "handlers/rollout/latecomers.hpp"

#include <algorithm>

#include "handlers/flow/digest.hpp"
#include "handlers/rollout/judge.hpp"
#include "handlers/rollout/read.hpp"

namespace tinsmith::rollout {

namespace {

constexpr std::size_t kAtOnce = 16;        // devices brought up at the same time
constexpr std::int64_t kPauseMs = 30'000;  // doubles with every attempt
constexpr std::int64_t kLongestMs = 3'600'000;
constexpr std::int64_t kSettleMs =
    1000;  // after a hello: it may be about to go on with an earlier offer

std::int64_t pauseAfter(int attempts) {
    return std::min(kLongestMs, kPauseMs << std::clamp(attempts, 0, 10));
}

}  // namespace

Status Latecomers::start() {
    const Status read = readGroups();
    if (!read) return read;
    for (const auto& [id, device] : devices_.all()) changed(id);
    return {};
}

Status Latecomers::readGroups() {
    const auto records = world_.journal.list("group");
    if (!records) return std::unexpected(records.error());
    groups_.clear();
    for (const Record& record : *records) {
        // A version whose images were cleaned up sets nothing any more.
        Result<VersionImages> images =
            versionImages(world_.journal, textOf(record.value, "model"),
                          static_cast<int>(numberOf(record.value, "version")));
        if (!images) continue;
        groups_[record.key] = Target{numberOf(record.value, "updated"), std::move(*images)};
    }
    return {};
}

void Latecomers::groupsChanged() {
    const Status read = readGroups();
    if (!read)
        return;  // an unreadable journal shows itself elsewhere; the next rollout reads again
    for (const auto& [id, device] : devices_.all()) changed(id);
}

const Latecomers::Target* Latecomers::targetOf(const Device& device) const {
    const Target* newest = nullptr;
    for (const std::string& group : device.groups) {
        const auto it = groups_.find(group);
        if (it == groups_.end()) continue;
        if (newest == nullptr || it->second.updated > newest->updated) newest = &it->second;
    }
    return newest;
}

void Latecomers::changed(const std::string& id) {
    Device* device = devices_.find(id);
    if (device == nullptr || targetOf(*device) == nullptr) {
        waiting_.erase(id);
        return;
    }
    const std::int64_t now = world_.clock.unixMs();
    // A new boot without the version shows that the last attempt is over: no need to sit out its
    // whole time.
    const auto boot = boots_.find(id);
    if (boot != boots_.end() && boot->second != device->nonce) {
        device->catchUp.next =
            std::min(device->catchUp.next, now + pauseAfter(device->catchUp.attempts - 1));
        boots_.erase(boot);
    }
    waiting_[id] = now + kSettleMs;
    if (serving_) {
        waker_.wake();
    } else {
        serving_ = true;
        nursery_.spawn(serve());
    }
}

void Latecomers::update(Device& device, const wire::Update& update) {
    if (update.state != wire::UpdateState::refused || !device.offer || rollouts_.claims(device.id))
        return;
    if (toHex(update.digest) != device.catchUp.digest) return;
    const std::int64_t now = world_.clock.unixMs();
    device.catchUp.next =
        mayRetry(update.reason, device.catchUp.attempts)
            ? std::min(device.catchUp.next, now + pauseAfter(device.catchUp.attempts - 1))
            : now + kLongestMs;
    devices_.touch(device.id);
    changed(device.id);
}

Task<void> Latecomers::serve() {
    while (!waiting_.empty()) {
        const std::int64_t now = world_.clock.unixMs();
        std::vector<std::string> due;
        std::int64_t next = now + kLongestMs;
        for (const auto& [id, at] : waiting_) {
            if (at <= now)
                due.push_back(id);
            else
                next = std::min(next, at);
        }
        if (due.empty()) {
            co_await waker_.wait(world_.clock, next - now);
            continue;
        }
        for (const std::string& id : due) {
            waiting_.erase(id);
            const std::int64_t again = co_await consider(id);
            if (again != 0 && !waiting_.contains(id)) waiting_[id] = again;
        }
    }
    serving_ = false;
}

Task<std::int64_t> Latecomers::consider(std::string id) {
    Device* device = devices_.find(id);
    const Target* target = device == nullptr ? nullptr : targetOf(*device);
    if (target == nullptr) co_return 0;
    const std::int64_t now = world_.clock.unixMs();
    if (target->images.has(device->board, device->running)) {
        if (!device->trial && device->catchUp.attempts > 0) {
            device->catchUp = {};
            boots_.erase(id);
            devices_.touch(id);
        }
        co_return 0;
    }
    const bool changing =
        std::any_of(device->groups.begin(), device->groups.end(),
                    [&](const std::string& group) { return rollouts_.changing(group); });
    // The end of a rollout looks at every device again, and so does a hello at the one that said
    // it.
    if (changing || rollouts_.claims(id) || !device->online || device->trial) co_return 0;
    if (target->images.failedOn(*device)) co_return 0;
    const Image* image = target->images.find(device->board, 1 - device->runningSlot);
    if (image == nullptr || image->counter < device->slots[device->runningSlot].counter ||
        image->counter < device->floor) {
        co_return 0;
    }
    if (device->catchUp.digest == image->digest && now < device->catchUp.next)
        co_return device->catchUp.next;
    const std::int64_t steady = world_.clock.steadyMs();
    const bool downloading = device->needAt != 0 && steady - device->needAt < 10'000;
    if (downloading || !world_.broker.connected()) co_return now + 10'000;
    const auto busy = std::count_if(boots_.begin(), boots_.end(), [&](const auto& boot) {
        const Device* other = devices_.find(boot.first);
        return other != nullptr && now < other->catchUp.next;
    });
    if (static_cast<std::size_t>(busy) >= kAtOnce) co_return now + 5000;

    if (device->catchUp.digest != image->digest) device->catchUp = {image->digest, 0, 0};
    const CatchUp before = device->catchUp;
    const std::int64_t deadline = world_.settings.rollout.deadlineS * 1000;
    ++device->catchUp.attempts;
    device->catchUp.next = now + std::max(deadline, pauseAfter(device->catchUp.attempts));
    const Write write = offers_.prepare(*device, *image, std::to_string(target->images.version),
                                        std::max<std::int64_t>(1, deadline / 1000));
    const Status committed = world_.journal.commit({write});
    if (!committed) {
        device->catchUp = before;
        co_return now + kPauseMs;
    }
    boots_[id] = device->nonce;
    const std::int64_t again = device->catchUp.next;
    const Status sent = co_await offers_.send(id);
    (void)sent;  // unsigned offers are as good as lost ones: the next attempt comes after the pause
    co_return again;
}

}  // namespace tinsmith::rollout
