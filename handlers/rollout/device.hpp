// One device as the gateway remembers it: journal record ("device", id) and what is kept in memory
// only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "firmware/wire/messages.hpp"
#include "handlers/flow/json.hpp"
#include "handlers/rollout/token_bucket.hpp"

namespace tinsmith::rollout {

// One signed image of a version.
struct Image {
    std::string digest;  // SHA-256 TLV, hex: what devices know it by
    std::string file;    // artefact
    std::uint64_t bytes = 0;
    std::string board;
    int slot = 0;  // 0 = a, 1 = b
    std::uint32_t counter = 0;
};

// The last offer to a device. Journalled before it is sent; blocks are served to a device only of
// the image it was offered.
struct Offered {
    Image image;
    std::string version;  // as text, for the wire
    std::uint64_t sequence = 0;
    std::int64_t at = 0;  // unix ms
    std::int64_t expiresS = 0;
};

struct Slot {
    bool valid = false;
    std::string digest;
    std::uint32_t counter = 0;
};

// Attempts to bring a device up to its group's version outside of rollouts.
struct CatchUp {
    std::string digest;
    int attempts = 0;
    std::int64_t next = 0;  // unix ms; not offered again before
};

struct Device {
    std::string id;
    std::string board;
    std::vector<std::string> groups;
    int runningSlot = 0;
    Slot slots[2];
    std::string running;  // digest, hex
    std::string modelName;
    std::string modelVersion;
    bool trial = false;
    std::uint32_t bootCount = 0;
    wire::Nonce nonce{};
    wire::ResetReason resetReason{};
    wire::Reason failure = wire::Reason::none;
    std::string failureDigest;
    std::uint64_t sequence = 0;          // highest given out by this gateway
    std::uint64_t reportedSequence = 0;  // last accepted, says the device
    std::uint32_t floor = 0;
    std::uint32_t slotSize = 0;
    int blockSize = wire::kBlockSize;
    int window = wire::kWindowBlocks;
    int protocol = wire::kProtocol;
    std::int64_t firstSeen = 0;  // unix ms
    std::int64_t lastSeen = 0;   // unix ms; journalled only with something else
    std::vector<std::string>
        failed;  // images that failed their self-test here: never offered again
    std::optional<Offered> offer;
    CatchUp catchUp;

    // Not journalled.
    bool online = false;
    std::int64_t helloAt = 0;  // steady ms of the last hello; 0 = none since the daemon started
    std::int64_t needAt = 0;   // steady ms of the last need for the offered image
    std::string updateState;
    std::string updateReason;
    int updatePercent = 0;
    std::optional<wire::Telemetry> telemetry;
    std::map<std::string, std::uint64_t> classCounts;  // results by label since the daemon started
    std::string lastLabel;
    std::uint64_t results = 0;
    std::uint64_t dropped = 0;  // malformed or too many
    TokenBucket messages{400, 2000};
    TokenBucket blocks{4096, 4096};
};

// The durable half; `lastSeen` included.
Json toJson(const Device& device);
// Unknown or missing fields read as their defaults.
Device deviceFromJson(const Json& json);

// Takes over what a device says of itself. True when something durable changed.
bool applyHello(Device& device, const wire::Hello& hello);

// What `device list` and `device show` print.
Json describe(const Device& device);

[[nodiscard]] bool failedHere(const Device& device, const std::string& digest);

}  // namespace tinsmith::rollout
