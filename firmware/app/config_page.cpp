#include "firmware/app/config_page.hpp"

#include <cstring>

#include "firmware/app/crc32.hpp"
#include "firmware/wire/topics.hpp"

namespace tinsmith::app {
namespace {

std::uint32_t checksum(const ConfigPage& page) {
    return crc32({reinterpret_cast<const std::uint8_t*>(&page), offsetof(ConfigPage, crc)});
}

}  // namespace

void seal(ConfigPage& page) {
    page.crc = checksum(page);
}

bool readConfig(std::span<const std::uint8_t> bytes, ConfigPage& page) {
    if (bytes.size() < sizeof page) return false;
    std::memcpy(&page, bytes.data(), sizeof page);
    return page.magic == kConfigMagic && page.version == kConfigVersion &&
           page.crc == checksum(page) && wire::validDeviceId(text(page.deviceId)) &&
           !text(page.root).empty() && page.trialS > 0;
}

}  // namespace tinsmith::app
