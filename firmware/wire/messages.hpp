// The device protocol's messages and their CBOR form.
//
// On the wire each message is one CBOR map with small integer keys (listed beside the fields).
// Every key is written; readers skip keys they do not know, refuse a message that lacks a required
// one or has one twice. Digests are 32-byte strings, enumerations their numbers.
//
// encode() returns the bytes written, 0 when `out` is too small; decode() false on anything
// malformed. Spans inside decoded messages point into the input.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/wire/reason.hpp"
#include "firmware/wire/text.hpp"
#include "firmware/wire/topics.hpp"

namespace tinsmith::wire {

inline constexpr std::uint8_t kProtocol = 1;
inline constexpr std::size_t kBlockSize = 1024;  // bytes; the last block of an image is shorter
inline constexpr std::size_t kWindowBlocks =
    64;  // blocks that one `need` asks for at most, by this version
inline constexpr std::size_t kMaxBitmapBytes = 64;  // what the format allows: 512 blocks
inline constexpr std::size_t kMaxClasses = 64;
inline constexpr std::size_t kMaxOfferBytes = 320;    // an encoded Offer
inline constexpr std::size_t kMaxMessageBytes = 512;  // any message here but Sample
inline constexpr std::uint8_t kNoSlot = 0xFF;

using DeviceId = Text<kMaxDeviceId>;
using BoardName = Text<32>;
using ModelName = Text<48>;
using VersionName = Text<48>;
using Label = Text<48>;
using Nonce = std::array<std::uint8_t, 16>;
using Signature = std::array<std::uint8_t, 64>;
using PublicKey = std::array<std::uint8_t, 32>;

struct SlotInfo {        // array [valid, digest, counter]
    bool valid = false;  // holds an image that this device's boot loader would boot
    Digest digest{};     // zero unless valid
    std::uint32_t counter = 0;
    bool operator==(const SlotInfo&) const = default;
};

// device -> gateway, retained. With `online` false it is the MQTT will. `trial` false means the
// running image is confirmed.
struct Hello {
    DeviceId deviceId;                  // 1
    BoardName board;                    // 2
    std::uint8_t protocol = kProtocol;  // 3
    std::uint8_t runningSlot = 0;       // 4
    std::array<SlotInfo, 2> slots{};    // 5 array of 2
    Digest runningDigest{};             // 6
    ModelName modelName;                // 7 empty in factory firmware
    VersionName modelVersion;           // 8
    bool trial = false;                 // 9
    std::uint32_t bootCount = 0;        // 10
    Nonce nonce{};                      // 11 new at every boot
    ResetReason resetReason{};          // 12
    Reason failure =
        Reason::none;        // 13 the last image that was given up, and why; cleared by a confirm
    Digest failureDigest{};  // 14
    std::uint64_t sequence = 0;            // 15 of the last accepted offer
    std::uint32_t floor = 0;               // 16 lowest security counter that boots
    std::uint32_t slotSize = 0;            // 17 bytes, largest whole image that fits
    std::uint16_t blockSize = kBlockSize;  // 18
    std::uint16_t window = kWindowBlocks;  // 19 blocks asked for at once
    bool online = true;                    // 20
    bool operator==(const Hello&) const = default;
};

// gateway -> device, inside SignedOffer.
struct Offer {
    Digest digest{};            // 1 the image's SHA-256 TLV
    std::uint32_t size = 0;     // 2 bytes of the whole signed image
    BoardName board;            // 3
    std::uint8_t slot = 0;      // 4
    std::uint32_t counter = 0;  // 5 the image's security counter
    Text<48> target;      // 6 a device id, or "group:<name>" (devices accept only their own id)
    VersionName version;  // 7
    std::uint64_t sequence = 0;  // 8 rises with every offer to this device
    std::uint32_t expiresAfterS =
        0;  // 9 seconds the download may take, counted by the device; 0 = no limit
    bool operator==(const Offer&) const = default;
};

// What travels on the `offer` topic. Ed25519 over kOfferDomain + payload.
struct SignedOffer {
    std::span<const std::uint8_t> payload;  // 1 an encoded Offer
    Signature signature{};                  // 2
};
inline constexpr std::string_view kOfferDomain{"tinsmith-offer-1\0", 17};

// device -> gateway.
struct Need {
    Digest digest{};                                     // 1
    std::uint32_t first = 0;                             // 2 block number of bit 0
    std::array<std::uint8_t, kMaxBitmapBytes> bitmap{};  // 3 set = missing, LSB first
    std::uint8_t bitmapBytes = 0;                        //   used bytes of `bitmap`
    std::uint32_t total = 0;                             // 4 blocks of the whole image
    bool operator==(const Need&) const = default;
};

enum class UpdateState : std::uint8_t {
    offered = 0,
    downloading = 1,
    verifying = 2,
    trial = 3,
    confirmed = 4,
    reverted = 5,
    refused = 6,
};
[[nodiscard]] std::string_view name(UpdateState state);

// device -> gateway: progress and verdicts. Informs; the truth is the digest in the next Hello.
struct Update {
    Digest digest{};               // 1 zero when an offer could not even be decoded
    UpdateState state{};           // 2
    std::uint8_t percent = 0;      // 3 0..100
    Reason reason = Reason::none;  // 4
    bool operator==(const Update&) const = default;
};

enum class CommandKind : std::uint8_t { alive = 0, sample = 1, stop_sample = 2, reboot = 3 };

// gateway -> device. The fields of other kinds are neither written nor required.
struct Command {
    CommandKind kind{};         // 1
    Nonce nonce{};              // 2 alive: the Hello's
    Signature signature{};      // 3 alive: over aliveMessage()
    Text<32> id;                // 4 sample, stop_sample: which recording
    std::uint8_t channels = 0;  // 5 sample
    std::uint16_t length = 0;   // 6 sample: rows a window
    std::uint16_t stride = 0;   // 7 sample: rows between window starts
    std::uint32_t count = 0;    // 8 sample: windows to send; 0 = until stop_sample
    bool operator==(const Command&) const = default;
};
inline constexpr std::string_view kAliveDomain{"tinsmith-alive-1\0", 17};
inline constexpr std::size_t kMaxAliveMessage = 17 + kMaxDeviceId + 1 + 16 + 32;
// kAliveDomain + device id + NUL + nonce + running digest; returns its size, 0 when the id is too
// long.
[[nodiscard]] std::size_t aliveMessage(std::span<std::uint8_t, kMaxAliveMessage> out,
                                       std::string_view deviceId, const Nonce& nonce,
                                       const Digest& running);

// device -> gateway: one raw window, `length` rows of `channels` float32 LE.
struct Sample {
    Text<32> id;                           // 1
    std::uint32_t index = 0;               // 2 0, 1, 2 … within the recording
    std::uint8_t channels = 0;             // 3
    std::uint16_t length = 0;              // 4
    std::span<const std::uint8_t> values;  // 5 channels * length * 4 bytes
};

// device -> gateway: one inference.
struct Result {
    std::uint32_t index = 0;                        // 1 counts results since boot
    std::uint32_t windowIndex = 0;                  // 2 counts windows since boot, skipped ones too
    std::uint16_t classIndex = 0;                   // 3
    Label label;                                    // 4
    std::array<std::int8_t, kMaxClasses> scores{};  // 5 byte string, int8 as the network gave them
    std::uint8_t classCount = 0;  //   used entries of `scores`; 0 = more than a message holds
    std::array<std::uint8_t, 8> digestPrefix{};  // 6 of the running image's digest
    bool operator==(const Result&) const = default;
};

// How a call of generated code ended on the device.
enum class CodeEnd : std::uint8_t {
    returned = 0,     // as it should; in telemetry: nothing else ever happened
    memory = 1,       // it touched memory that is not its own
    stack = 2,        // it needed more stack than it has
    bus = 3,          // it touched what only the system may
    instruction = 4,  // undefined instruction or state
    time = 5,         // it took too long
    answer = 6,       // a value that is not finite, or no class
    off = 7,          // not called any more, or there is no guard; never in telemetry
};
[[nodiscard]] std::string_view name(CodeEnd end);

// device -> gateway, now and then.
struct Telemetry {
    std::uint32_t uptimeS = 0;         // 1
    std::uint32_t windows = 0;         // 2
    std::uint32_t inferences = 0;      // 3
    std::uint32_t inferenceTicks = 0;  // 4 of the last inference, board clock
    std::uint32_t stackHigh = 0;       // 5 bytes
    std::uint32_t heapFree = 0;        // 6 bytes
    std::uint32_t linkDrops = 0;       // 7
    std::uint32_t codeFaults = 0;      // 8 calls of generated code that went wrong, since boot
    CodeEnd codeFault{};               // 9 the last of them
    bool operator==(const Telemetry&) const = default;
};

[[nodiscard]] std::size_t encode(const Hello& message, std::span<std::uint8_t> out);
[[nodiscard]] std::size_t encode(const Offer& message, std::span<std::uint8_t> out);
[[nodiscard]] std::size_t encode(const SignedOffer& message, std::span<std::uint8_t> out);
[[nodiscard]] std::size_t encode(const Need& message, std::span<std::uint8_t> out);
[[nodiscard]] std::size_t encode(const Update& message, std::span<std::uint8_t> out);
[[nodiscard]] std::size_t encode(const Command& message, std::span<std::uint8_t> out);
[[nodiscard]] std::size_t encode(const Sample& message, std::span<std::uint8_t> out);
[[nodiscard]] std::size_t encode(const Result& message, std::span<std::uint8_t> out);
[[nodiscard]] std::size_t encode(const Telemetry& message, std::span<std::uint8_t> out);

[[nodiscard]] bool decode(std::span<const std::uint8_t> in, Hello& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> in, Offer& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> in, SignedOffer& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> in, Need& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> in, Update& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> in, Command& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> in, Sample& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> in, Result& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> in, Telemetry& message);

}  // namespace tinsmith::wire
