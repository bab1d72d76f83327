// Topics of the device protocol. All are relative to the gateway's root `<prefix>/<gateway>/`,
// which only the MQTT client at either end adds or strips: `device/<id>/<leaf>` and `block/<digest
// hex>/<n>`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tinsmith::wire {

using Digest = std::array<std::uint8_t, 32>;

inline constexpr std::size_t kMaxDeviceId = 32;
inline constexpr std::size_t kMaxTopic = 96;  // longest relative topic, with room to spare

inline constexpr std::string_view kLeafHello = "hello";
inline constexpr std::string_view kLeafNeed = "need";
inline constexpr std::string_view kLeafUpdate = "update";
inline constexpr std::string_view kLeafSample = "sample";
inline constexpr std::string_view kLeafResult = "result";
inline constexpr std::string_view kLeafTelemetry = "telemetry";
inline constexpr std::string_view kLeafOffer = "offer";
inline constexpr std::string_view kLeafCommand = "command";

// 1..32 of A-Z a-z 0-9 . _ - ; nothing that means something to MQTT, file systems or shells.
[[nodiscard]] bool validDeviceId(std::string_view id);

// Lower case hex; `out` must hold 2 * bytes.size().
void toHex(std::span<const std::uint8_t> bytes, std::span<char> out);
// False when `hex` is not exactly 2 * out.size() hex digits.
[[nodiscard]] bool fromHex(std::string_view hex, std::span<std::uint8_t> out);

using TopicBuffer = std::array<char, kMaxTopic>;
// `device/<id>/<leaf>`; empty when it does not fit. The view points into `out`.
[[nodiscard]] std::string_view deviceTopic(TopicBuffer& out, std::string_view id,
                                           std::string_view leaf);
// `block/<digest>/<n>`.
[[nodiscard]] std::string_view blockTopic(TopicBuffer& out, const Digest& digest, std::uint32_t n);
// `block/<digest>/+`: what a device subscribes to while it downloads.
[[nodiscard]] std::string_view blockFilter(TopicBuffer& out, const Digest& digest);

struct DeviceTopic {
    std::string_view id;
    std::string_view leaf;
};
// False when the topic has another shape. Views point into `topic`.
[[nodiscard]] bool parseDeviceTopic(std::string_view topic, DeviceTopic& out);

struct BlockTopic {
    Digest digest;
    std::uint32_t n;
};
[[nodiscard]] bool parseBlockTopic(std::string_view topic, BlockTopic& out);

}  // namespace tinsmith::wire
