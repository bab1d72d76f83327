// One device on the host: the real boot loader and the real agent over simulated flash, and a
// clock.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "firmware/agent/update_agent.hpp"
#include "firmware/boot/decide.hpp"
#include "tests/firmware/agent/gateway.hpp"
#include "tests/firmware/boot/nor_flash.hpp"

namespace tinsmith::agent {

class Device final : public Host {
  public:
    Device(boot::NorFlash& flash, const boot::RomInfo& rom, Gateway& gateway)
        : flash_(flash), rom_(rom), gateway_(gateway) {}

    void reset() override { resetAsked_ = true; }
    void command(const wire::Command& command) override { commands.push_back(command); }

    // Power on: everything in RAM and on the way is lost.
    boot::Decision powerOn() {
        agent.reset();
        gateway_.inbox.clear();
        gateway_.filters.clear();
        resetAsked_ = false;
        now = 0;
        const boot::Decision decision = boot::decide(flash_, rom_, boot::kBoard);
        if (!decision.found) return decision;
        const Identity identity{kDeviceId, boot::kBoard, "motor", "1", {}};
        agent = std::make_unique<UpdateAgent>(flash_, rom_, identity, gateway_, *this);
        if (connects) agent->onConnected(now);
        if (reportsSelfTest) agent->selfTest(selfTestPasses);
        return decision;
    }

    // Lets time pass, at most `limitMs`, until done() holds. Resets on the way are carried out.
    // True when done() held.
    template <class Done>
    bool runUntil(Done done, std::uint64_t limitMs) {
        const std::uint64_t end = now + limitMs;
        std::uint64_t passed = now;
        while (!done()) {
            if (resetAsked_) {
                ++resets;
                if (!powerOn().found) return false;
                continue;
            }
            if (!gateway_.inbox.empty()) {
                const auto message = std::move(gateway_.inbox.front());
                gateway_.inbox.pop_front();
                agent->onMessage(message.topic, message.payload, now);
                continue;
            }
            const std::uint64_t next = agent->poll(now);
            EXPECT_GE(next, now);
            if (!gateway_.inbox.empty() || resetAsked_ || done()) continue;
            passed += next - now;
            now = next;
            if (passed > end) return false;
        }
        return true;
    }

    std::unique_ptr<UpdateAgent> agent;
    std::uint64_t now = 0;
    std::vector<wire::Command> commands;
    int resets = 0;
    bool connects = true;
    bool reportsSelfTest = true;
    bool selfTestPasses = true;

  private:
    boot::NorFlash& flash_;
    const boot::RomInfo& rom_;
    Gateway& gateway_;
    bool resetAsked_ = false;
};

// A device with a factory image in slot A, and a gateway that knows its key.
class World {
  public:
    World() { reset(); }
    void reset() {
        flash.poke(boot::slotOffset(0), a.bytes);
        gateway.addImage(b);
    }

    image::SigningKey key = boot::testKey();
    boot::RomInfo rom = boot::testRom(key);
    boot::NorFlash flash;
    boot::TestImage a = boot::makeImage(key, 0, 1);
    boot::TestImage b = boot::makeImage(key, 1, 2);
    Gateway gateway{key};
    Device device{flash, rom, gateway};

    [[nodiscard]] bool runs(const boot::TestImage& image) const {
        return device.agent && device.agent->runningDigest() == image.digest;
    }
    [[nodiscard]] bool confirmed(const boot::TestImage& image) const {
        return runs(image) && !device.agent->onTrial();
    }
    [[nodiscard]] boot::State state() { return boot::StateLog(flash).get(); }
    [[nodiscard]] bool sawUpdate(wire::UpdateState state,
                                 wire::Reason reason = wire::Reason::none) const {
        return std::any_of(
            gateway.updates.begin(), gateway.updates.end(),
            [&](const wire::Update& u) { return u.state == state && u.reason == reason; });
    }
};

}  // namespace tinsmith::agent
