#include "handlers/rollout/fleet.hpp"

#include <algorithm>

#include "firmware/wire/bitmap.hpp"
#include "firmware/wire/messages.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/rollout/alive.hpp"
#include "handlers/rollout/blocks.hpp"
#include "handlers/rollout/latecomers.hpp"
#include "handlers/rollout/offers.hpp"
#include "handlers/rollout/read.hpp"
#include "handlers/rollout/recorder.hpp"
#include "handlers/rollout/rollouts.hpp"

namespace tinsmith {

using namespace rollout;

namespace {
constexpr std::size_t kMaxClassesCounted = 64;

std::span<const std::uint8_t> bytesOf(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
}  // namespace

class Fleet::Impl {
  public:
    explicit Impl(World& world)
        : world_(world),
          devices_(world),
          offers_(world, devices_),
          alive_(world, devices_),
          blocks_(world),
          rollouts_(world, devices_, offers_),
          latecomers_(world, devices_, offers_, rollouts_),
          recorder_(world, devices_) {
        rollouts_.onEnd = [this] { latecomers_.groupsChanged(); };
    }

    void receive(const Message& message);
    void onHello(std::string_view id, const Message& message);
    void onNeed(Device& device, const wire::Need& need);
    void onUpdate(Device& device, const wire::Update& update);
    static void onResult(Device& device, const wire::Result& result);
    [[nodiscard]] Json describe(const Device& device) const;
    [[nodiscard]] Status remove(const std::string& id);

    World& world_;
    Devices devices_;
    Offers offers_;
    Alive alive_;
    Blocks blocks_;
    Rollouts rollouts_;
    Latecomers latecomers_;
    Recorder recorder_;
    std::uint64_t malformed_ = 0;
    std::uint64_t turnedAway_ = 0;  // hellos beyond the number of devices
};

void Fleet::Impl::receive(const Message& message) {
    std::string_view topic = message.topic;
    const std::string& root = world_.settings.root;
    if (!topic.starts_with(root) || topic.size() <= root.size() + 1) return;
    topic.remove_prefix(root.size() + 1);
    wire::DeviceTopic parts;
    if (!wire::parseDeviceTopic(topic, parts) || !wire::validDeviceId(parts.id)) return;
    if (parts.leaf == wire::kLeafHello) return onHello(parts.id, message);

    Device* device = devices_.find(parts.id);
    if (device == nullptr || message.retained) return;
    if (!device->messages.take(1, world_.clock.steadyMs())) {
        ++device->dropped;
        return;
    }
    device->lastSeen = world_.clock.unixMs();
    const auto bytes = bytesOf(message.payload);
    bool good = true;
    if (parts.leaf == wire::kLeafNeed) {
        wire::Need need;
        good = wire::decode(bytes, need);
        if (good) onNeed(*device, need);
    } else if (parts.leaf == wire::kLeafUpdate) {
        wire::Update update;
        good = wire::decode(bytes, update);
        if (good) onUpdate(*device, update);
    } else if (parts.leaf == wire::kLeafSample) {
        wire::Sample sample;
        good = wire::decode(bytes, sample);
        if (good) recorder_.sample(device->id, sample);
    } else if (parts.leaf == wire::kLeafResult) {
        wire::Result result;
        good = wire::decode(bytes, result);
        if (good) onResult(*device, result);
    } else if (parts.leaf == wire::kLeafTelemetry) {
        wire::Telemetry telemetry;
        good = wire::decode(bytes, telemetry);
        if (good) device->telemetry = telemetry;
    }
    if (!good) {
        ++malformed_;
        ++device->dropped;
    }
}

void Fleet::Impl::onHello(std::string_view id, const Message& message) {
    if (message.payload.empty()) return;  // our own clearing of a removed device's topic
    wire::Hello hello;
    if (!wire::decode(bytesOf(message.payload), hello) || hello.deviceId.view() != id ||
        hello.runningSlot > 1) {
        ++malformed_;
        return;
    }
    Device* device = devices_.admit(id);
    if (device == nullptr) {
        ++turnedAway_;
        return;
    }
    const std::int64_t now = world_.clock.steadyMs();
    if (!device->messages.take(1, now)) {
        ++device->dropped;
        return;
    }
    const bool isNew = device->helloAt == 0 && device->lastSeen == 0;
    const bool rebooted = !isNew && device->nonce != hello.nonce;
    const std::size_t failed = device->failed.size();
    const bool durable = applyHello(*device, hello);
    // Never 0, which means "not heard yet".
    device->helloAt = std::max<std::int64_t>(now, 1);
    if (device->online || isNew)
        device->lastSeen = world_.clock.unixMs();  // a will is no sign of life
    // A failed self-test must not be forgotten; everything else the device says again.
    const bool written =
        device->failed.size() != failed && world_.journal.commit({devices_.write(*device)});
    if ((durable && !written) || isNew) devices_.touch(device->id);
    if (device->trial && device->online) alive_.answer(*device);
    const std::string name = device->id;
    if (rebooted) recorder_.rebooted(name);
    rollouts_.changed(name);
    latecomers_.changed(name);
}

void Fleet::Impl::onNeed(Device& device, const wire::Need& need) {
    if (!device.offer || toHex(need.digest) != device.offer->image.digest) return;
    const auto wanted = static_cast<double>(wire::countBits(
        std::span(need.bitmap).first(std::min<std::size_t>(need.bitmapBytes, need.bitmap.size()))));
    const std::int64_t now = world_.clock.steadyMs();
    if (!device.blocks.take(wanted, now)) {
        ++device.dropped;
        return;
    }
    device.needAt = std::max<std::int64_t>(now, 1);
    blocks_.need(*device.offer, need);
    // A device that asks works on the offer, even when its progress message was lost.
    if (device.updateState == "offered") {
        wire::Update update;
        update.digest = need.digest;
        update.state = wire::UpdateState::downloading;
        onUpdate(device, update);
    }
}

void Fleet::Impl::onUpdate(Device& device, const wire::Update& update) {
    device.updateState = std::string(wire::name(update.state));
    device.updatePercent = std::min<int>(update.percent, 100);
    device.updateReason = update.reason == wire::Reason::none
                              ? std::string()
                              : std::string(wire::name(update.reason));
    const std::string id = device.id;
    latecomers_.update(device, update);
    rollouts_.update(id, update);
}

void Fleet::Impl::onResult(Device& device, const wire::Result& result) {
    ++device.results;
    device.lastLabel = printable(result.label.view());
    if (device.classCounts.size() < kMaxClassesCounted ||
        device.classCounts.contains(device.lastLabel)) {
        ++device.classCounts[device.lastLabel];
    }
}

Json Fleet::Impl::describe(const Device& device) const {
    Json json = rollout::describe(device);
    json["updating"] = rollouts_.claims(device.id);
    return json;
}

Status Fleet::Impl::remove(const std::string& id) {
    if (devices_.find(id) == nullptr) {
        return fail(Code::unknown_device, "no device \"" + id + "\" has said hello",
                    "`device` with action list names those that are known", "/device");
    }
    if (rollouts_.claims(id)) {
        return fail(Code::conflict, "device \"" + id + "\" is part of a running rollout",
                    "abort the rollout or wait for it");
    }
    const Status erased = devices_.erase(id);
    if (!erased) return erased;
    // Else the retained hello would bring it back with the next start.
    Publication cleared;
    cleared.topic = world_.settings.root + "/device/" + id + "/hello";
    cleared.retain = true;
    world_.broker.publish(std::move(cleared));
    return {};
}

Fleet::Fleet(World& world) : impl_(std::make_unique<Impl>(world)) {}
Fleet::~Fleet() = default;

Status Fleet::start() {
    Status done = impl_->devices_.start();
    if (done) done = impl_->rollouts_.start();
    if (done) done = impl_->latecomers_.start();
    return done;
}

void Fleet::receive(const Message& message) {
    impl_->receive(message);
}

void Fleet::connected() {
    impl_->blocks_.reset();
}

Result<Json> Fleet::devices() const {
    Json list = Json::array();
    for (const auto& [id, device] : impl_->devices_.all()) list.push_back(impl_->describe(device));
    return list;
}

Result<Json> Fleet::device(const std::string& id) const {
    const Device* device = impl_->devices_.find(id);
    if (device == nullptr) {
        return fail(Code::unknown_device, "no device \"" + id + "\" has said hello",
                    "`device` with action list names those that are known", "/device");
    }
    return impl_->describe(*device);
}

Status Fleet::setGroups(const std::string& id, std::vector<std::string> groups) {
    const Status done = impl_->devices_.setGroups(id, std::move(groups));
    if (done) impl_->latecomers_.changed(id);
    return done;
}

Status Fleet::remove(const std::string& id) {
    return impl_->remove(id);
}

Task<Result<RecordedWindows>> Fleet::record(RecordSpec spec, Progress progress,
                                            CancelToken cancel) {
    return impl_->recorder_.run(std::move(spec), std::move(progress), std::move(cancel));
}

Task<Result<Json>> Fleet::rollout(RolloutSpec spec, Progress progress, CancelToken cancel) {
    return impl_->rollouts_.run(std::move(spec), std::move(progress), std::move(cancel));
}

Status Fleet::abort(const std::string& id) {
    return impl_->rollouts_.abort(id);
}

Json Fleet::health() const {
    std::size_t online = 0;
    std::uint64_t dropped = 0;
    for (const auto& [id, device] : impl_->devices_.all()) {
        if (device.online) ++online;
        dropped += device.dropped;
    }
    return {
        {"devices", impl_->devices_.all().size()},  {"online", online},
        {"rollouts", impl_->rollouts_.open()},      {"latecomers", impl_->latecomers_.waiting()},
        {"recordings", impl_->recorder_.running()}, {"offers", impl_->offers_.sent()},
        {"blocks", impl_->blocks_.published()},     {"alive_failures", impl_->alive_.failures()},
        {"malformed", impl_->malformed_},           {"dropped", dropped},
        {"turned_away", impl_->turnedAway_}};
}

}  // namespace tinsmith
