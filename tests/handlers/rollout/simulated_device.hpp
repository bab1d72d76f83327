// A device as the gateway meets it: speaks firmware/wire, downloads, boots on trial, confirms; or
// fails in a chosen way.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "firmware/wire/messages.hpp"

namespace tinsmith::testing {

struct Habits {
    bool present = true;         // false: never there
    int vanishAfterBlocks = -1;  // leaves for good (its will speaks) after so many blocks
    int hangAfterBlocks = -1;    // stays connected but does nothing any more
    bool failsSelfTest = false;
    int missesGateway = 0;  // so many trials end with no_gateway
    wire::Reason refuses = wire::Reason::none;
    int refusals = 1000;               // so many offers are refused
    bool liesAboutConfirm = false;     // says "confirmed" in updates while it runs the old image
    std::int64_t relapseAfterMs = -1;  // falls back to the old image so long after it confirmed
    bool deafToFirstOffer = false;
    int loseEvery = 0;  // every n-th block is lost on the air
    std::int64_t bootMs = 100;
    std::int64_t verifyMs = 50;
};

class SimulatedDevice {
  public:
    using Send = std::function<void(const std::string& leaf, std::string payload, bool retain)>;

    SimulatedDevice(std::string id, std::string factoryDigest, Habits habits);

    void connect(std::int64_t now);
    void receive(const std::string& leaf, const std::string& payload, std::int64_t now);
    void block(const std::string& digest, std::uint32_t n, const std::string& payload,
               std::int64_t now);
    void poll(std::int64_t now);
    [[nodiscard]] bool subscribedTo(const std::string& digest) const {
        return downloading_ && digest == offerDigest_;
    }
    // When poll has something to do next.
    [[nodiscard]] std::int64_t nextAt() const;

    // Another digest in the running slot, as if newly flashed at the factory.
    void factoryReset(const std::string& digest, std::int64_t now);
    void goAway();
    void comeBack(std::int64_t now) { connect(now); }
    void powerCycle(std::int64_t now) { boot(wire::ResetReason::unplanned, now); }

    const std::string& id() const { return id_; }
    const std::string& running() const { return slots_[running_].digest; }
    [[nodiscard]] bool trial() const { return trial_; }
    [[nodiscard]] wire::Hello hello() const;

    Send send;
    bool present = false;
    Habits habits;
    int offersSeen = 0;
    int offersAccepted = 0;
    int needless = 0;  // offers of the image that it runs already
    int replays = 0;   // offers whose sequence did not rise
    int blocksReceived = 0;
    std::int64_t confirmedAt = -1;
    std::vector<std::string> sampleCommands;
    std::set<std::uint32_t> losesSamples;  // of the first recording

  private:
    struct Slot {
        bool valid = false;
        std::string digest;
        std::uint32_t counter = 0;
    };
    void onOffer(const std::string& payload, std::int64_t now);
    void onCommand(const std::string& payload, std::int64_t now);
    void ask(std::int64_t now);
    void boot(wire::ResetReason reason, std::int64_t now);
    void fallBack(wire::Reason reason, std::int64_t now);
    void sayHello();
    void report(wire::UpdateState state, wire::Reason reason = wire::Reason::none);
    void sendSamples(const wire::Command& command);

    std::string id_;
    Slot slots_[2];
    int running_ = 0;
    bool trial_ = false;
    std::uint32_t bootCount_ = 1;
    wire::ResetReason reset_{};
    wire::Reason failure_ = wire::Reason::none;
    std::string failureDigest_;
    std::uint64_t sequence_ = 0;

    bool downloading_ = false;
    std::string offerDigest_;
    std::uint32_t offerSize_ = 0;
    std::uint32_t offerCounter_ = 0;
    std::map<std::uint32_t, std::string> have_;
    int asked_ = 0;
    std::int64_t askAt_ = -1;
    std::int64_t verifyAt_ = -1;
    std::int64_t helloAt_ = -1;
    std::int64_t trialEnds_ = -1;
};

// 32 bytes in hex, distinguishable: what a test's image is known by when its content does not
// matter.
std::string digestOf(const std::string& text);

}  // namespace tinsmith::testing
