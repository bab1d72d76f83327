// How the gateway has a production image run windows on the emulated board: request and answer lie
// in the scratch area of the flash file (offset boot::kScratchOffset, address 0x21400000). Shared
// by the application and handlers/preflight.
//
// The gateway makes a flash file with the image in a slot, writes request and windows, starts the
// board without network and waits for state == done. The application then sleeps; the gateway ends
// the emulator.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tinsmith::app {

inline constexpr std::uint32_t kPreflightMagic = 0x46505354;  // "TSPF"
inline constexpr std::uint32_t kPreflightVersion = 2;
inline constexpr std::uint32_t kPreflightAreaSize =
    0x00C00000;  // bytes from the scratch offset to the end of the flash
inline constexpr std::uint32_t kPreflightFeatures =
    1;  // flag: also write the int8 input of the network

// At offset 0 of the area.
struct PreflightRequest {
    std::uint32_t magic = kPreflightMagic;
    std::uint32_t version = kPreflightVersion;
    std::uint32_t flags = 0;
    std::uint32_t windowCount = 0;
    std::uint32_t windowFloats = 0;              // length * channels of the model
    std::uint32_t outputBytes = 0;               // classes of the model
    std::uint32_t featureBytes = 0;              // steps * features of the model
    std::array<std::uint8_t, 32> imageDigest{};  // of the image that must be running
    std::uint32_t crc = 0;                       // crc32 of everything before
};
static_assert(sizeof(PreflightRequest) == 64);

enum class PreflightState : std::uint32_t {
    none = 0,  // not started
    running = 1,
    done = 2,
    wrongImage = 3,  // the running image has another digest
    wrongShape =
        4,  // windows, outputs or features of another size than the model's, or no model at all
};

// At offset kPreflightAnswerOffset; zeroed by the gateway, written by the board.
struct PreflightAnswer {
    std::uint32_t state = 0;  // PreflightState, written last
    std::uint32_t windowsDone = 0;
    std::uint64_t featureTicks =
        0;  // of all windows; 40 ns each, with -icount shift=0 that is 40 instructions
    std::uint64_t inferenceTicks = 0;
    std::uint32_t stackHighWater = 0;  // bytes
    std::uint32_t goldenFailed = 0;    // golden vectors inside the image that did not come out
    std::uint32_t goldenCount = 0;
    std::uint32_t codeFaults = 0;  // calls of generated code that went wrong
    std::uint32_t codeFault = 0;   // wire::CodeEnd of the last of them
    std::uint32_t codeTicks = 0;   // of its longest call
};
static_assert(sizeof(PreflightAnswer) == 48);

// In front of each window's bytes in the answer.
struct PreflightRecord {
    std::uint32_t featureTicks = 0;
    std::uint32_t inferenceTicks = 0;
    std::int32_t decision = 0;  // the class that would be published, -1 for none
    std::uint32_t codeSum =
        0;  // crc32 of what the generated feature block wrote; 0 = there is none
};

inline constexpr std::uint32_t kPreflightAnswerOffset = 0x80;
inline constexpr std::uint32_t kPreflightWindowsOffset =
    0x100;  // windowCount * windowFloats float32

// Bytes of one record: PreflightRecord, the output, the features if asked for; rounded up to 8.
[[nodiscard]] constexpr std::uint64_t preflightRecordSize(const PreflightRequest& request) {
    const std::uint64_t bytes = sizeof(PreflightRecord) + std::uint64_t{request.outputBytes} +
                                (request.flags & kPreflightFeatures ? request.featureBytes : 0);
    return (bytes + 7) / 8 * 8;
}

// Where the first record lies.
[[nodiscard]] constexpr std::uint64_t preflightRecordsOffset(const PreflightRequest& request) {
    const std::uint64_t windows =
        std::uint64_t{request.windowCount} * request.windowFloats * sizeof(float);
    return (kPreflightWindowsOffset + windows + 7) / 8 * 8;
}

// Bytes of the area that a request needs; larger than kPreflightAreaSize: split the windows over
// several runs.
[[nodiscard]] constexpr std::uint64_t preflightSize(const PreflightRequest& request) {
    return preflightRecordsOffset(request) + preflightRecordSize(request) * request.windowCount;
}

// Fills in the checksum, and tells whether it holds.
void seal(PreflightRequest& request);
[[nodiscard]] bool valid(const PreflightRequest& request);

}  // namespace tinsmith::app
