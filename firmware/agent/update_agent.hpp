// The device's side of an update: says hello, takes signed offers, downloads into the free slot,
// verifies, asks for a trial boot, and on trial confirms or gives up.
//
// Nothing blocks longer than one page erase or one verification of an image. The owner calls
//   onConnected()     after CONNACK (the agent then subscribes and says hello),
//   onMessage()       for every message on what the agent subscribed to,
//   onDisconnected()  when the connection is gone,
//   poll()            at the time it returned at the latest, and after each of the above,
//   selfTest()        once per boot, with the verdict on the golden vectors inside the image.
// All times are milliseconds since boot, from a clock that never goes back.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/agent/ports.hpp"
#include "firmware/boot/flash.hpp"
#include "firmware/boot/image.hpp"
#include "firmware/boot/rom.hpp"
#include "firmware/boot/state.hpp"
#include "firmware/wire/messages.hpp"

namespace tinsmith::agent {

inline constexpr std::uint64_t kTrialMs = 10 * 60 * 1000;
inline constexpr std::uint64_t kHealthyMs = 60 * 1000;
inline constexpr std::uint64_t kNeedFirstMs = 500;  // until a `need` is sent again; doubles
inline constexpr std::uint64_t kNeedLongestMs = 5000;
inline constexpr std::uint64_t kTrialHelloMs =
    15 * 1000;  // hello again, should the gateway's answer have been lost

struct Identity {
    std::string_view deviceId;
    std::string_view board;
    std::string_view modelName;  // empty in factory firmware
    std::string_view modelVersion;
    std::span<const std::uint8_t> seed;  // device-specific, for nonces; may be empty
    std::uint64_t trialMs = kTrialMs;    // how long a new image may take to be confirmed
};

class UpdateAgent {
  public:
    // The strings of `identity` and the other references must outlive the agent.
    UpdateAgent(boot::Flash& flash, const boot::RomInfo& rom, const Identity& identity,
                Outbox& outbox, Host& host);

    void onConnected(std::uint64_t nowMs);
    void onDisconnected();
    // `topic` relative to the root. Others' topics are ignored.
    void onMessage(std::string_view topic, std::span<const std::uint8_t> payload,
                   std::uint64_t nowMs);
    void selfTest(bool passed);
    // Does one small piece of work; returns when it wants to be called again (== nowMs: at once).
    [[nodiscard]] std::uint64_t poll(std::uint64_t nowMs);

    // A Hello with online = false, for the MQTT will (retained, topic device/<id>/hello). Returns
    // its size.
    [[nodiscard]] std::size_t will(std::span<std::uint8_t> out) const;

    [[nodiscard]] bool onTrial() const { return log_.get().onTrial(); }
    [[nodiscard]] const wire::Digest& runningDigest() const { return runningDigest_; }
    [[nodiscard]] std::uint32_t bootCount() const { return log_.get().bootCount; }
    [[nodiscard]] bool downloading() const {
        return log_.get().offerPhase != boot::OfferPhase::none;
    }

  private:
    enum class SelfTest : std::uint8_t { pending, passed, failed };

    // offers.cpp: is this offer for us, and may it be installed?
    void onOffer(std::span<const std::uint8_t> payload, std::uint64_t nowMs);
    [[nodiscard]] wire::Reason judge(const wire::Offer& offer) const;
    void accept(const wire::Offer& offer, std::uint64_t nowMs);
    [[nodiscard]] bool signedByRom(std::span<const std::uint8_t> message,
                                   const wire::Signature& signature) const;

    // download.cpp
    void pollDownload(std::uint64_t nowMs);
    void resume();
    void onBlock(const wire::BlockTopic& topic, std::span<const std::uint8_t> payload,
                 std::uint64_t nowMs);
    void eraseNext();
    void askForBlocks(std::uint64_t nowMs);
    void verifyDownload();
    void stopListening();
    void abandon(wire::Reason reason);
    [[nodiscard]] std::uint64_t expiresAtMs() const;
    [[nodiscard]] std::uint32_t blockCount() const;

    // trial.cpp
    void pollHealth(std::uint64_t nowMs);
    void onCommand(std::span<const std::uint8_t> payload);
    void confirm();
    void giveUp(wire::Reason reason);

    [[nodiscard]] wire::Hello makeHello() const;
    void checkSlots();
    void report(const wire::Digest& digest, wire::UpdateState state, wire::Reason reason);
    [[nodiscard]] bool send(std::string_view leaf, std::span<const std::uint8_t> payload,
                            bool retain);
    void flushMessages(std::uint64_t nowMs);
    [[nodiscard]] std::uint64_t nextDeadline(std::uint64_t nowMs) const;
    void restart(boot::State state, wire::ResetReason reason);

    boot::Flash& flash_;
    const boot::RomInfo& rom_;
    Identity identity_;
    Outbox& outbox_;
    Host& host_;
    boot::StateLog log_;

    wire::Digest runningDigest_{};
    std::uint32_t runningCounter_ = 0;
    wire::Nonce nonce_{};
    std::array<wire::SlotInfo, 2> slots_{};

    bool connected_ = false;
    bool subscribed_ = false;
    bool blocksSubscribed_ = false;
    bool helloDue_ = false;
    bool updateDue_ = false;
    bool resetDue_ = false;
    bool heardGateway_ = false;
    SelfTest selfTest_ = SelfTest::pending;
    wire::Update update_{};
    std::uint64_t helloAgainMs_ = 0;

    std::uint32_t erased_ = 0;    // pages of the free slot, of the current offer
    std::uint32_t missing_ = 0;   // blocks
    std::uint32_t asked_ = 0;     // blocks of the last need that have not come yet
    std::uint32_t askedEnd_ = 0;  // first block after the last need's window
    std::uint64_t askAgainMs_ = 0;
    std::uint64_t backOffMs_ = kNeedFirstMs;
    std::uint64_t offerStartMs_ = 0;
};

}  // namespace tinsmith::agent
