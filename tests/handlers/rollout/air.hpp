// The gateway's Fleet, simulated devices and what is between them, on a fake clock.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firmware/wire/topics.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/rollout/fleet.hpp"
#include "tests/fakes/fake_world.hpp"
#include "tests/handlers/rollout/simulated_device.hpp"

namespace tinsmith::testing {

class Air {
  public:
    Air() {
        world.broker.onPublish = [this](const Publication& publication) {
            if (world.broker.isConnected) down_.push_back(publication);
        };
        for (const char slot : {'a', 'b'})
            factory_[slot] = digestOf(std::string("factory ") + slot);
        restart();
    }

    // Makes version `number` with images of `bytes` bytes for both slots.
    void makeVersion(int number, std::size_t bytes, std::uint32_t counter) {
        Json images = Json::array();
        for (const char slot : {'a', 'b'}) {
            std::string content(bytes, '\0');
            for (std::size_t i = 0; i < bytes; ++i) {
                content[i] = static_cast<char>((i * 31 + (i >> 8)) ^
                                               static_cast<std::size_t>(slot * number));
            }
            const std::string file = *world.artefacts.put(content);
            images.push_back({{"board", "mps2-an386"},
                              {"slot", std::string(1, slot)},
                              {"digest", sha256Hex(content)},
                              {"file", file},
                              {"bytes", bytes}});
            digests_[{number, slot}] = sha256Hex(content);
        }
        char key[32];
        std::snprintf(key, sizeof key, "motor/%06d", number);
        world.journal.records[{"version", key}] = {{"model", "motor"},
                                                   {"version", number},
                                                   {"counter", counter},
                                                   {"images", images},
                                                   {"released", true}};
    }
    [[nodiscard]] std::string digest(int version, char slot) const {
        return digests_.at({version, slot});
    }
    [[nodiscard]] bool runs(const std::string& id, int version) {
        const SimulatedDevice& device = *devices.at(id);
        return !device.trial() && (device.running() == digest(version, 'a') ||
                                   device.running() == digest(version, 'b'));
    }

    SimulatedDevice& add(const std::string& id, Habits habits = {},
                         std::vector<std::string> groups = {"all"}) {
        auto device = std::make_unique<SimulatedDevice>(id, factory_['a'], habits);
        SimulatedDevice* raw = device.get();
        raw->send = [this, id](const std::string& leaf, std::string payload, bool retain) {
            if (!world.broker.isConnected) return;
            const std::string topic = "tinsmith/gw/device/" + id + "/" + leaf;
            if (retain) hellos_[topic] = payload;
            up_.push_back({topic, std::move(payload), retain, {}, {}, {}});
        };
        devices[id] = std::move(device);
        if (habits.present)
            raw->connect(now());
        else
            introduce(*raw);
        settle();
        if (!groups.empty()) {
            EXPECT_TRUE(fleet->setGroups(id, groups));
        }
        return *raw;
    }

    // Kills the gateway's side and starts it again; the broker hands its retained hellos over.
    void restart() {
        nursery_.reset();
        fleet.reset();
        down_.clear();
        world.journal.dead = false;
        world.broker.dead = false;
        fleet = std::make_unique<Fleet>(world.world);
        ASSERT_TRUE(fleet->start());
        nursery_ = std::make_unique<Nursery>();
        for (const auto& [topic, payload] : hellos_)
            up_.push_back({topic, payload, true, {}, {}, {}});
        result.reset();
    }

    void disconnect() {
        world.broker.isConnected = false;
        down_.clear();
        up_.clear();
    }
    void reconnect() {
        world.broker.isConnected = true;
        fleet->connected();
        for (auto& [id, device] : devices) {
            if (device->present) device->connect(now());
        }
    }

    void start(RolloutSpec spec) { nursery_->spawn(drive(std::move(spec))); }
    // Until the rollout ends or `ms` have passed. True when it ended.
    bool runUntilEnd(std::int64_t ms) {
        const std::int64_t end = now() + ms;
        while (!result && !world.journal.dead && now() < end) step(end - now());
        return result.has_value();
    }
    void run(std::int64_t ms) {
        const std::int64_t end = now() + ms;
        while (now() < end) step(end - now());
    }
    [[nodiscard]] std::int64_t now() const { return world.clock.steadyMs(); }

    [[nodiscard]] Json shown(const std::string& rollout) {
        return Json::parse(world.broker.retained.at("tinsmith/gw/rollout/" + rollout));
    }
    [[nodiscard]] std::string stateOf(const std::string& rollout, const std::string& device) {
        return shown(rollout)["devices"][device]["state"].get<std::string>();
    }
    [[nodiscard]] int blocksPublished() const {
        int count = 0;
        for (const Publication& publication : world.broker.sent) {
            if (publication.topic.find("/block/") != std::string::npos) ++count;
        }
        return count;
    }

    static RolloutSpec spec(int version = 1) {
        RolloutSpec spec;
        spec.id = "r-" + std::to_string(version);
        spec.job = "j-1";
        spec.model = "motor";
        spec.version = version;
        spec.group = "all";
        return spec;
    }

    FakeWorld world;
    std::map<std::string, std::unique_ptr<SimulatedDevice>> devices;
    std::unique_ptr<Fleet> fleet;
    std::optional<Result<Json>> result;
    CancelSource cancel;
    std::vector<int> percents;

  private:
    Task<void> drive(RolloutSpec spec) {
        Result<Json> ended = co_await fleet->rollout(
            std::move(spec),
            [this](int percent, std::string, Json) { percents.push_back(percent); },
            cancel.token());
        result.emplace(std::move(ended));
    }

    // An absent device that said hello once, long ago.
    void introduce(SimulatedDevice& device) {
        device.habits.present = true;
        device.connect(now());
        settle();
        device.goAway();
        device.habits.present = false;
    }

    void settle() {
        while (!up_.empty() || !down_.empty()) {
            while (!up_.empty()) {
                const Message message = up_.front();
                up_.pop_front();
                fleet->receive(message);
            }
            std::deque<Publication> sent;
            sent.swap(down_);
            for (const Publication& publication : sent) deliver(publication);
        }
    }

    void deliver(const Publication& publication) {
        const std::string topic = publication.topic.substr(std::string("tinsmith/gw/").size());
        wire::BlockTopic block;
        wire::DeviceTopic to;
        if (wire::parseBlockTopic(topic, block)) {
            const std::string digest = toHex(block.digest);
            for (auto& [id, device] : devices) {
                if (device->subscribedTo(digest))
                    device->block(digest, block.n, publication.payload, now());
            }
        } else if (wire::parseDeviceTopic(topic, to)) {
            const auto device = devices.find(std::string(to.id));
            if (device != devices.end())
                device->second->receive(std::string(to.leaf), publication.payload, now());
        }
    }

    void step(std::int64_t most) {
        settle();
        std::int64_t next = now() + std::min<std::int64_t>(most, 100);
        for (auto& [id, device] : devices) next = std::min(next, device->nextAt());
        // Timers of the fleet fire inside; messages that they cause are delivered a few
        // milliseconds later at most.
        world.clock.advance(std::clamp<std::int64_t>(next - now(), 1, 5));
        settle();
        for (auto& [id, device] : devices) device->poll(now());
        settle();
    }

    std::map<char, std::string> factory_;
    std::map<std::pair<int, char>, std::string> digests_;
    std::map<std::string, std::string> hellos_;
    std::deque<Message> up_;
    std::deque<Publication> down_;
    std::unique_ptr<Nursery> nursery_;
};

}  // namespace tinsmith::testing
