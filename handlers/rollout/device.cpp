#include "handlers/rollout/device.hpp"

#include <algorithm>

#include "handlers/flow/digest.hpp"
#include "handlers/rollout/read.hpp"

namespace tinsmith::rollout {

namespace {

std::string hexOrEmpty(const wire::Digest& digest) {
    const bool zero = std::all_of(digest.begin(), digest.end(), [](auto b) { return b == 0; });
    return zero ? std::string() : toHex(digest);
}

Json toJson(const Offered& offer) {
    return {{"digest", offer.image.digest},
            {"file", offer.image.file},
            {"bytes", offer.image.bytes},
            {"board", offer.image.board},
            {"slot", offer.image.slot},
            {"counter", offer.image.counter},
            {"version", offer.version},
            {"sequence", offer.sequence},
            {"at", offer.at},
            {"expires_s", offer.expiresS}};
}

Offered offerFromJson(const Json& json) {
    Offered offer;
    offer.image.digest = textOf(json, "digest");
    offer.image.file = textOf(json, "file");
    offer.image.bytes = static_cast<std::uint64_t>(numberOf(json, "bytes"));
    offer.image.board = textOf(json, "board");
    offer.image.slot = static_cast<int>(numberOf(json, "slot"));
    offer.image.counter = static_cast<std::uint32_t>(numberOf(json, "counter"));
    offer.version = textOf(json, "version");
    offer.sequence = static_cast<std::uint64_t>(numberOf(json, "sequence"));
    offer.at = numberOf(json, "at");
    offer.expiresS = numberOf(json, "expires_s");
    return offer;
}

// A digest of everything that is worth a write when it changes.
std::string durable(const Device& device) {
    Json json = toJson(device);
    json.erase("last_seen");
    return canonical(json);
}

}  // namespace

Json toJson(const Device& device) {
    Json slots = Json::array();
    for (const Slot& slot : device.slots) {
        slots.push_back(
            {{"valid", slot.valid}, {"digest", slot.digest}, {"counter", slot.counter}});
    }
    Json json = {{"device", device.id},
                 {"board", device.board},
                 {"groups", device.groups},
                 {"running_slot", device.runningSlot},
                 {"slots", slots},
                 {"running", device.running},
                 {"model", device.modelName},
                 {"version", device.modelVersion},
                 {"trial", device.trial},
                 {"boot_count", device.bootCount},
                 {"nonce", toHex(device.nonce)},
                 {"reset_reason", static_cast<int>(device.resetReason)},
                 {"failure", static_cast<int>(device.failure)},
                 {"failure_digest", device.failureDigest},
                 {"sequence", device.sequence},
                 {"reported_sequence", device.reportedSequence},
                 {"floor", device.floor},
                 {"slot_size", device.slotSize},
                 {"block_size", device.blockSize},
                 {"window", device.window},
                 {"protocol", device.protocol},
                 {"first_seen", device.firstSeen},
                 {"last_seen", device.lastSeen},
                 {"failed", device.failed}};
    if (device.offer) json["offer"] = toJson(*device.offer);
    if (device.catchUp.attempts > 0) {
        json["catch_up"] = {{"digest", device.catchUp.digest},
                            {"attempts", device.catchUp.attempts},
                            {"next", device.catchUp.next}};
    }
    return json;
}

Device deviceFromJson(const Json& json) {
    Device device;
    device.id = textOf(json, "device");
    device.board = textOf(json, "board");
    device.groups = textsOf(json, "groups");
    device.runningSlot = static_cast<int>(numberOf(json, "running_slot"));
    const auto slots = json.find("slots");
    for (std::size_t i = 0; slots != json.end() && i < 2 && i < slots->size(); ++i) {
        const Json& slot = (*slots)[i];
        device.slots[i].valid = flagOf(slot, "valid");
        device.slots[i].digest = textOf(slot, "digest");
        device.slots[i].counter = static_cast<std::uint32_t>(numberOf(slot, "counter"));
    }
    device.running = textOf(json, "running");
    device.modelName = textOf(json, "model");
    device.modelVersion = textOf(json, "version");
    device.trial = flagOf(json, "trial");
    device.bootCount = static_cast<std::uint32_t>(numberOf(json, "boot_count"));
    if (const auto nonce = fromHex(textOf(json, "nonce")); nonce && nonce->size() == 16) {
        std::copy(nonce->begin(), nonce->end(), device.nonce.begin());
    }
    device.resetReason = static_cast<wire::ResetReason>(numberOf(json, "reset_reason"));
    device.failure = static_cast<wire::Reason>(numberOf(json, "failure"));
    device.failureDigest = textOf(json, "failure_digest");
    device.sequence = static_cast<std::uint64_t>(numberOf(json, "sequence"));
    device.reportedSequence = static_cast<std::uint64_t>(numberOf(json, "reported_sequence"));
    device.floor = static_cast<std::uint32_t>(numberOf(json, "floor"));
    device.slotSize = static_cast<std::uint32_t>(numberOf(json, "slot_size"));
    device.blockSize = static_cast<int>(numberOf(json, "block_size", wire::kBlockSize));
    device.window = static_cast<int>(numberOf(json, "window", wire::kWindowBlocks));
    device.protocol = static_cast<int>(numberOf(json, "protocol", wire::kProtocol));
    device.firstSeen = numberOf(json, "first_seen");
    device.lastSeen = numberOf(json, "last_seen");
    device.failed = textsOf(json, "failed");
    if (json.contains("offer")) device.offer = offerFromJson(json["offer"]);
    if (json.contains("catch_up")) {
        device.catchUp = {textOf(json["catch_up"], "digest"),
                          static_cast<int>(numberOf(json["catch_up"], "attempts")),
                          numberOf(json["catch_up"], "next")};
    }
    return device;
}

bool applyHello(Device& device, const wire::Hello& hello) {
    const std::string before = durable(device);
    device.board = printable(hello.board.view());
    device.protocol = hello.protocol;
    device.runningSlot = hello.runningSlot;
    for (std::size_t i = 0; i < 2; ++i) {
        device.slots[i].valid = hello.slots[i].valid;
        device.slots[i].digest = hexOrEmpty(hello.slots[i].digest);
        device.slots[i].counter = hello.slots[i].counter;
    }
    device.running = hexOrEmpty(hello.runningDigest);
    device.modelName = printable(hello.modelName.view());
    device.modelVersion = printable(hello.modelVersion.view());
    device.trial = hello.trial;
    device.bootCount = hello.bootCount;
    device.nonce = hello.nonce;
    device.resetReason = hello.resetReason;
    device.failure = hello.failure;
    device.failureDigest = hexOrEmpty(hello.failureDigest);
    device.reportedSequence = hello.sequence;
    device.floor = hello.floor;
    device.slotSize = hello.slotSize;
    device.blockSize = hello.blockSize;
    device.window = hello.window;
    device.online = hello.online;
    constexpr std::size_t kRemembered = 32;
    if (device.failure == wire::Reason::selftest && !device.failureDigest.empty() &&
        !failedHere(device, device.failureDigest)) {
        if (device.failed.size() == kRemembered) device.failed.erase(device.failed.begin());
        device.failed.push_back(device.failureDigest);
    }
    return durable(device) != before;
}

bool failedHere(const Device& device, const std::string& digest) {
    return std::find(device.failed.begin(), device.failed.end(), digest) != device.failed.end();
}

Json describe(const Device& device) {
    Json json = {{"device", device.id},
                 {"board", device.board},
                 {"groups", device.groups},
                 {"running", device.running},
                 {"slot", device.runningSlot == 0 ? "a" : "b"},
                 {"model", device.modelName},
                 {"version", device.modelVersion},
                 {"state", device.trial ? "trial" : "confirmed"},
                 {"online", device.online},
                 {"boot_count", device.bootCount},
                 {"reset_reason", std::string(wire::name(device.resetReason))},
                 {"floor", device.floor},
                 {"last_seen", device.lastSeen}};
    Json slots = Json::array();
    for (const Slot& slot : device.slots) {
        slots.push_back(
            {{"valid", slot.valid}, {"digest", slot.digest}, {"counter", slot.counter}});
    }
    json["slots"] = slots;
    if (device.failure != wire::Reason::none) {
        json["last_failure"] = {{"reason", std::string(wire::name(device.failure))},
                                {"digest", device.failureDigest}};
    }
    if (!device.updateState.empty()) {
        json["update"] = {{"state", device.updateState}, {"percent", device.updatePercent}};
        if (!device.updateReason.empty()) json["update"]["reason"] = device.updateReason;
    }
    if (device.results > 0) {
        json["results"] = {
            {"count", device.results}, {"last", device.lastLabel}, {"classes", device.classCounts}};
    }
    if (device.telemetry) {
        json["telemetry"] = {{"uptime_s", device.telemetry->uptimeS},
                             {"windows", device.telemetry->windows},
                             {"inferences", device.telemetry->inferences},
                             {"inference_ticks", device.telemetry->inferenceTicks},
                             {"stack_high", device.telemetry->stackHigh},
                             {"heap_free", device.telemetry->heapFree},
                             {"link_drops", device.telemetry->linkDrops},
                             {"code_faults", device.telemetry->codeFaults},
                             {"code_fault", wire::name(device.telemetry->codeFault)}};
    }
    if (device.dropped > 0) json["dropped_messages"] = device.dropped;
    return json;
}

}  // namespace tinsmith::rollout
