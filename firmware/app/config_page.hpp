// What the factory writes into the first page of a device's flash: who it is and where its gateway
// is. The same struct on the microcontroller and in tinsmith-device; both are little-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tinsmith::app {

inline constexpr std::uint32_t kConfigMagic = 0x46435354;  // "TSCF"
inline constexpr std::uint16_t kConfigVersion = 1;
inline constexpr std::uint16_t kConfigDhcp = 1;  // flag: address by DHCP instead of 10.0.2.15
inline constexpr std::uint32_t kDefaultTrialS = 600;

// Texts are filled up with NUL and end before the last byte.
struct ConfigPage {
    std::uint32_t magic = kConfigMagic;
    std::uint16_t version = kConfigVersion;
    std::uint16_t flags = 0;
    std::array<std::uint8_t, 4> broker{};  // IPv4
    std::uint16_t port = 1883;
    std::uint16_t keepAliveS = 30;
    std::uint32_t trialS = kDefaultTrialS;  // how long a new image may take to be confirmed
    std::array<char, 36> deviceId{};
    std::array<char, 64> user{};
    std::array<char, 64> password{};
    std::array<char, 64> root{};  // `<prefix>/<gateway>`, no slash at the end
    std::uint32_t crc = 0;        // crc32 of everything before
};
static_assert(sizeof(ConfigPage) == 20 + 36 + 3 * 64 + 4);

// The text in a field, up to its NUL; empty where there is none.
template <std::size_t Size>
[[nodiscard]] std::string_view text(const std::array<char, Size>& field) {
    for (std::size_t i = 0; i < Size; ++i) {
        if (field[i] == '\0') return {field.data(), i};
    }
    return {};
}

// False, without effect, where the text is too long for the field.
template <std::size_t Size>
[[nodiscard]] bool setText(std::array<char, Size>& field, std::string_view value) {
    if (value.size() >= Size) return false;
    field.fill('\0');
    for (std::size_t i = 0; i < value.size(); ++i) field[i] = value[i];
    return true;
}

// Fills in the checksum.
void seal(ConfigPage& page);

// Reads the page from the start of the flash. False where it is missing, damaged, of another
// version, or the device id is not one that topics allow.
[[nodiscard]] bool readConfig(std::span<const std::uint8_t> bytes, ConfigPage& page);

}  // namespace tinsmith::app
