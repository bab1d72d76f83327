#include "tests/handlers/rollout/simulated_device.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "firmware/wire/bitmap.hpp"
#include "handlers/flow/digest.hpp"

namespace tinsmith::testing {

namespace {

constexpr std::int64_t kTrialMs = 600'000;
constexpr std::int64_t kAskAgainMs = 500;

std::span<const std::uint8_t> bytesOf(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

template <class Message>
std::string encoded(const Message& message) {
    std::array<std::uint8_t, 8192> out{};
    const std::size_t size = wire::encode(message, out);
    return {reinterpret_cast<const char*>(out.data()), size};
}

}  // namespace

std::string digestOf(const std::string& text) {
    return sha256Hex(text);
}

SimulatedDevice::SimulatedDevice(std::string id, std::string factoryDigest, Habits how)
    : habits(how), id_(std::move(id)) {
    slots_[0] = {true, std::move(factoryDigest), 1};
}

wire::Hello SimulatedDevice::hello() const {
    wire::Hello hello;
    (void)hello.deviceId.assign(id_);
    (void)hello.board.assign("mps2-an386");
    hello.runningSlot = static_cast<std::uint8_t>(running_);
    for (std::size_t i = 0; i < 2; ++i) {
        hello.slots[i].valid = slots_[i].valid;
        if (slots_[i].valid) (void)wire::fromHex(slots_[i].digest, hello.slots[i].digest);
        hello.slots[i].counter = slots_[i].counter;
    }
    (void)wire::fromHex(running(), hello.runningDigest);
    hello.trial = trial_;
    hello.bootCount = bootCount_;
    hello.nonce.fill(static_cast<std::uint8_t>(bootCount_));
    hello.resetReason = reset_;
    hello.failure = failure_;
    if (!failureDigest_.empty()) (void)wire::fromHex(failureDigest_, hello.failureDigest);
    hello.sequence = sequence_;
    hello.slotSize = 1 << 20;
    hello.online = present;
    return hello;
}

void SimulatedDevice::sayHello() {
    send("hello", encoded(hello()), true);
}

void SimulatedDevice::connect(std::int64_t now) {
    if (!habits.present) return;
    present = true;
    sayHello();
    if (downloading_) askAt_ = now;
}

void SimulatedDevice::goAway() {
    if (!present) return;
    present = false;
    sayHello();
}

void SimulatedDevice::factoryReset(const std::string& digest, std::int64_t now) {
    slots_[0] = {true, digest, 1};
    slots_[1] = {};
    running_ = 0;
    trial_ = downloading_ = false;
    sequence_ = 0;
    failure_ = wire::Reason::none;
    failureDigest_.clear();
    boot(wire::ResetReason::unplanned, now);
}

void SimulatedDevice::boot(wire::ResetReason reason, std::int64_t now) {
    ++bootCount_;
    reset_ = reason;
    askAt_ = -1;
    verifyAt_ = -1;
    helloAt_ = now + habits.bootMs;
    trialEnds_ = trial_ ? now + kTrialMs : -1;
}

void SimulatedDevice::fallBack(wire::Reason reason, std::int64_t now) {
    failure_ = reason;
    failureDigest_ = running();
    slots_[running_].valid = false;
    running_ = 1 - running_;
    trial_ = false;
    boot(wire::ResetReason::trial_failed, now);
}

void SimulatedDevice::report(wire::UpdateState state, wire::Reason reason) {
    wire::Update update;
    if (!offerDigest_.empty()) (void)wire::fromHex(offerDigest_, update.digest);
    update.state = state;
    update.reason = reason;
    const std::size_t total = (offerSize_ + wire::kBlockSize - 1) / wire::kBlockSize;
    update.percent = total == 0 ? 0 : static_cast<std::uint8_t>(100 * have_.size() / total);
    send("update", encoded(update), false);
}

void SimulatedDevice::receive(const std::string& leaf, const std::string& payload,
                              std::int64_t now) {
    if (!present) return;
    if (leaf == "offer") onOffer(payload, now);
    if (leaf == "command") onCommand(payload, now);
}

void SimulatedDevice::onOffer(const std::string& payload, std::int64_t now) {
    wire::SignedOffer signedOffer;
    wire::Offer offer;
    if (!wire::decode(bytesOf(payload), signedOffer) || !wire::decode(signedOffer.payload, offer))
        return;
    if (offer.target.view() != id_) return;
    ++offersSeen;
    if (habits.deafToFirstOffer && offersSeen == 1) return;
    const std::string digest = toHex(offer.digest);
    if (digest == running()) ++needless;
    const std::string before = offerDigest_;
    offerDigest_ = digest;
    if (offer.sequence <= sequence_) {
        ++replays;
        report(wire::UpdateState::refused, wire::Reason::replayed);
        offerDigest_ = before;
        return;
    }
    if (habits.refuses != wire::Reason::none && habits.refusals-- > 0) {
        report(wire::UpdateState::refused, habits.refuses);
        offerDigest_ = before;
        return;
    }
    if (offer.slot == running_) {
        report(wire::UpdateState::refused, wire::Reason::wrong_slot);
        offerDigest_ = before;
        return;
    }
    ++offersAccepted;
    sequence_ = offer.sequence;
    if (digest != before) have_.clear();
    offerSize_ = offer.size;
    offerCounter_ = offer.counter;
    downloading_ = true;
    slots_[1 - running_] = {};
    report(wire::UpdateState::downloading);
    ask(now);
}

void SimulatedDevice::ask(std::int64_t now) {
    const std::uint32_t total = (offerSize_ + wire::kBlockSize - 1) / wire::kBlockSize;
    wire::Need need;
    (void)wire::fromHex(offerDigest_, need.digest);
    need.total = total;
    std::uint32_t first = 0;
    while (first < total && have_.contains(first)) ++first;
    need.first = first;
    need.bitmapBytes = wire::kWindowBlocks / 8;
    asked_ = 0;
    for (std::uint32_t i = 0; i < wire::kWindowBlocks && first + i < total; ++i) {
        if (have_.contains(first + i)) continue;
        wire::setBit(need.bitmap, i);
        ++asked_;
    }
    askAt_ = now + kAskAgainMs;
    send("need", encoded(need), false);
}

void SimulatedDevice::block(const std::string& digest, std::uint32_t n, const std::string& payload,
                            std::int64_t now) {
    if (!present || !subscribedTo(digest)) return;
    ++blocksReceived;
    if (habits.loseEvery > 0 && blocksReceived % habits.loseEvery == 0) return;
    if (habits.hangAfterBlocks >= 0 && blocksReceived > habits.hangAfterBlocks) {
        askAt_ = -1;
        return;
    }
    if (habits.vanishAfterBlocks >= 0 && blocksReceived > habits.vanishAfterBlocks) {
        goAway();
        askAt_ = -1;
        return;
    }
    if (!have_.emplace(n, payload).second) return;
    const std::uint32_t total = (offerSize_ + wire::kBlockSize - 1) / wire::kBlockSize;
    if (have_.size() == total) {
        askAt_ = -1;
        verifyAt_ = now + habits.verifyMs;
        report(wire::UpdateState::verifying);
    } else if (--asked_ <= 0) {
        askAt_ = now + 1;
    }
}

std::int64_t SimulatedDevice::nextAt() const {
    std::int64_t next = INT64_MAX;
    for (const std::int64_t at : {askAt_, verifyAt_, helloAt_, trialEnds_}) {
        if (at >= 0) next = std::min(next, at);
    }
    if (confirmedAt >= 0 && habits.relapseAfterMs >= 0) {
        next = std::min(next, confirmedAt + habits.relapseAfterMs);
    }
    return next;
}

void SimulatedDevice::poll(std::int64_t now) {
    if (helloAt_ >= 0 && now >= helloAt_) {
        helloAt_ = -1;
        if (trial_ && habits.failsSelfTest) return fallBack(wire::Reason::selftest, now);
        connect(now);
    }
    if (!present) return;
    if (askAt_ >= 0 && now >= askAt_) ask(now);
    if (verifyAt_ >= 0 && now >= verifyAt_) {
        verifyAt_ = -1;
        downloading_ = false;
        std::string content;
        for (const auto& [n, bytes] : have_) content += bytes;
        have_.clear();
        if (sha256Hex(content) != offerDigest_)
            return report(wire::UpdateState::refused, wire::Reason::bad_digest);
        if (habits.liesAboutConfirm) return report(wire::UpdateState::confirmed);
        slots_[1 - running_] = {true, offerDigest_, offerCounter_};
        report(wire::UpdateState::trial);
        running_ = 1 - running_;
        trial_ = true;
        return boot(wire::ResetReason::update, now);
    }
    if (trialEnds_ >= 0 && now >= trialEnds_) {
        trialEnds_ = -1;
        return fallBack(wire::Reason::no_gateway, now);
    }
    if (confirmedAt >= 0 && habits.relapseAfterMs >= 0 &&
        now >= confirmedAt + habits.relapseAfterMs) {
        confirmedAt = -1;
        habits.relapseAfterMs = -1;
        fallBack(wire::Reason::unhealthy, now);
    }
}

void SimulatedDevice::onCommand(const std::string& payload, std::int64_t now) {
    wire::Command command;
    if (!wire::decode(bytesOf(payload), command)) return;
    if (command.kind == wire::CommandKind::alive && trial_ && command.nonce == hello().nonce) {
        if (habits.missesGateway > 0) {
            --habits.missesGateway;
            trialEnds_ = -1;
            return fallBack(wire::Reason::no_gateway, now);
        }
        trial_ = false;
        trialEnds_ = -1;
        confirmedAt = now;
        failure_ = wire::Reason::none;
        failureDigest_.clear();
        report(wire::UpdateState::confirmed);
        sayHello();
    }
    if (command.kind == wire::CommandKind::sample) sendSamples(command);
    if (command.kind == wire::CommandKind::stop_sample) sampleCommands.push_back("stop");
}

void SimulatedDevice::sendSamples(const wire::Command& command) {
    sampleCommands.emplace_back(command.id.view());
    const bool first = sampleCommands.size() == 1;
    for (std::uint32_t i = 0; i < command.count; ++i) {
        if (first && losesSamples.contains(i)) continue;
        wire::Sample sample;
        sample.id = command.id;
        sample.index = i;
        sample.channels = command.channels;
        sample.length = command.length;
        std::vector<std::uint8_t> values(std::size_t{4} * command.channels * command.length);
        for (std::size_t v = 0; v < values.size() / 4; ++v) {
            const float value = static_cast<float>(i) + static_cast<float>(v) / 100.0F;
            std::memcpy(values.data() + v * 4, &value, 4);
        }
        sample.values = values;
        send("sample", encoded(sample), false);
    }
}

}  // namespace tinsmith::testing
