#include "handlers/rollout/recorder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "handlers/flow/digest.hpp"

namespace tinsmith::rollout {

namespace {

constexpr std::size_t kMaxBytes = 64u << 20;  // of one recording in memory
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kTickMs = 500;
constexpr std::int64_t kShortestQuietMs = 5000;
constexpr std::int64_t kFirstQuietMs =
    20'000;  // until the first window, which takes as long as it is

// Ids on the wire are short; a longer one is replaced by its digest, the same after a restart.
std::string shortId(const std::string& id, int round) {
    const std::string base = id.size() <= 26 ? id : sha256Hex(id).substr(0, 26);
    return round == 0 ? base : base + "." + std::to_string(round);
}

float littleEndianFloat(const std::uint8_t* bytes) {
    const std::uint32_t bits = std::uint32_t{bytes[0]} | std::uint32_t{bytes[1]} << 8 |
                               std::uint32_t{bytes[2]} << 16 | std::uint32_t{bytes[3]} << 24;
    return std::bit_cast<float>(bits);
}

void publish(World& world, const std::string& device, const wire::Command& command) {
    std::array<std::uint8_t, wire::kMaxMessageBytes> out{};
    const std::size_t size = wire::encode(command, out);
    Publication publication;
    publication.topic = world.settings.root + "/device/" + device + "/command";
    publication.payload.assign(reinterpret_cast<const char*>(out.data()), size);
    publication.json = false;
    world.broker.publish(std::move(publication));
}

}  // namespace

Status Recorder::admit(const RecordSpec& spec) {
    const Device* device = devices_.find(spec.device);
    if (device == nullptr) {
        return fail(Code::unknown_device, "no device \"" + spec.device + "\" has said hello",
                    "`device` with action list names those that are known", "/device");
    }
    if (spec.channels == 0 || spec.channels > 255 || spec.length == 0 || spec.length > 65535 ||
        spec.count == 0) {
        return fail(Code::bad_data,
                    "a recording needs 1..255 channels, 1..65535 samples a window and a window",
                    "mend the request");
    }
    if (spec.count > kMaxBytes / (spec.channels * spec.length * sizeof(float))) {
        return fail(Code::too_large,
                    "the recording would not fit into " + std::to_string(kMaxBytes >> 20) + " MB",
                    "record fewer seconds at a time");
    }
    Hour& hour = hours_[spec.device];
    const std::int64_t now = world_.clock.steadyMs();
    if (now - hour.start >= kHourMs) hour = {now, 0};
    if (hour.windows + spec.count > world_.settings.quotas.deviceWindowsPerHour) {
        return fail(Code::storage_full,
                    "device \"" + spec.device + "\" may record " +
                        std::to_string(world_.settings.quotas.deviceWindowsPerHour) +
                        " windows an hour",
                    "wait, record less, or raise quotas.device_windows_per_hour");
    }
    const auto other = sessions_.find(spec.device);
    if (other != sessions_.end() && !other->second.expired()) {
        return fail(Code::busy, "device \"" + spec.device + "\" is recording already",
                    "wait for it");
    }
    hour.windows += spec.count;
    return {};
}

void Recorder::ask(Session& session) {
    session.slots.clear();
    for (std::size_t i = 0; i < session.have.size(); ++i) {
        if (!session.have[i]) session.slots.push_back(i);
    }
    session.wireId = shortId(session.spec.id, session.round);
    session.heardAt = world_.clock.steadyMs();
    session.gapMs = 0;
    session.restart = false;
    wire::Command command;
    command.kind = wire::CommandKind::sample;
    if (!command.id.assign(session.wireId)) return;
    command.channels = static_cast<std::uint8_t>(session.spec.channels);
    command.length = static_cast<std::uint16_t>(session.spec.length);
    command.stride = command.length;
    command.count = static_cast<std::uint32_t>(session.slots.size());
    publish(world_, session.spec.device, command);
}

void Recorder::tellStop(const Session& session) {
    wire::Command command;
    command.kind = wire::CommandKind::stop_sample;
    if (!command.id.assign(session.wireId)) return;
    publish(world_, session.spec.device, command);
}

Task<Result<RecordedWindows>> Recorder::run(RecordSpec spec, Fleet::Progress progress,
                                            CancelToken cancel) {
    const Status admitted = admit(spec);
    if (!admitted) co_return std::unexpected(admitted.error());
    const auto session = std::make_shared<Session>();
    session->spec = spec;
    session->have.assign(spec.count, false);
    session->samples.assign(spec.count * spec.channels * spec.length, 0.0F);
    sessions_[spec.device] = session;
    const std::weak_ptr<Session> weak = session;
    const auto registration = cancel.onCancel([weak] {
        if (const SessionPtr waiting = weak.lock()) waiting->waker.wake();
    });
    const std::int64_t end = world_.clock.steadyMs() + spec.timeoutMs;
    ask(*session);
    while (session->received < spec.count) {
        co_await session->waker.wait(world_.clock, kTickMs);
        if (cancel.cancelled()) {
            tellStop(*session);
            co_return fail(Code::cancelled, "the recording was cancelled");
        }
        const std::int64_t now = world_.clock.steadyMs();
        if (now >= end) {
            tellStop(*session);
            co_return fail(Code::timeout,
                           "device \"" + spec.device + "\" sent " +
                               std::to_string(session->received) + " of " +
                               std::to_string(spec.count) + " windows in time",
                           "check that it is online and that its sensor gives data");
        }
        if (session->changed && progress) {
            session->changed = false;
            const auto percent = static_cast<int>(100 * session->received / spec.count);
            progress(percent, "recording", {{"windows", session->received}, {"of", spec.count}});
        }
        if (!world_.broker.connected()) session->heardAt = now;
        const bool none = session->gapMs == 0;
        const std::int64_t quiet =
            none ? kFirstQuietMs : std::max(kShortestQuietMs, 4 * session->gapMs);
        if (session->received < spec.count &&
            (session->restart || now - session->heardAt >= quiet)) {
            // Before its first window the same round is repeated, which a device takes for the one
            // it has.
            if (!none || session->restart) ++session->round;
            ask(*session);
        }
    }
    RecordedWindows windows;
    for (std::size_t i = 0; i < spec.channels; ++i)
        windows.channels.push_back("c" + std::to_string(i));
    windows.length = spec.length;
    windows.samples = std::move(session->samples);
    co_return windows;
}

void Recorder::sample(const std::string& device, const wire::Sample& sample) {
    const auto it = sessions_.find(device);
    const SessionPtr session = it == sessions_.end() ? nullptr : it->second.lock();
    if (!session || sample.id.view() != session->wireId) return;
    const std::size_t values = session->spec.channels * session->spec.length;
    if (sample.channels != session->spec.channels || sample.length != session->spec.length ||
        sample.values.size() != values * 4 || sample.index >= session->slots.size()) {
        return;
    }
    const std::size_t slot = session->slots[sample.index];
    if (session->have[slot]) return;
    float* to = session->samples.data() + slot * values;
    for (std::size_t i = 0; i < values; ++i) {
        to[i] = littleEndianFloat(sample.values.data() + i * 4);
        if (!std::isfinite(to[i])) return;  // asked for again like a lost one
    }
    session->have[slot] = true;
    ++session->received;
    const std::int64_t now = world_.clock.steadyMs();
    session->gapMs = std::max<std::int64_t>({session->gapMs, now - session->heardAt, 1});
    session->heardAt = now;
    session->changed = true;
    if (session->received == session->have.size()) session->waker.wake();
}

void Recorder::rebooted(const std::string& device) {
    const auto it = sessions_.find(device);
    const SessionPtr session = it == sessions_.end() ? nullptr : it->second.lock();
    if (!session) return;
    session->restart = true;
    session->waker.wake();
}

std::size_t Recorder::running() const {
    return static_cast<std::size_t>(
        std::count_if(sessions_.begin(), sessions_.end(),
                      [](const auto& session) { return !session.second.expired(); }));
}

}  // namespace tinsmith::rollout
