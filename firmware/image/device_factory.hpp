// Makes what a factory would: a flash file with a configuration page and signed factory firmware in
// slot A, and beside it
// `<flash>.boot.elf`, the boot loader with the gateway's public key in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "firmware/app/config_page.hpp"
#include "firmware/image/errors.hpp"

namespace tinsmith::image {

struct FactorySettings {
    std::filesystem::path flash;        // must not exist yet
    std::filesystem::path firmwareDir;  // boot.elf and factory-a.bin
    std::filesystem::path signer;       // the tinsmith-sign executable
    std::filesystem::path key;          // private key file, read by the signer only
    std::string id;
    std::string
        broker;  // IPv4:PORT; a loopback address becomes 10.0.2.2, the emulator's name for its host
    std::string user;
    std::string password;
    std::string root;  // `<prefix>/<gateway>`
    std::uint32_t counter = 1;
    std::uint32_t trialS = app::kDefaultTrialS;
    bool dhcp = false;
};

[[nodiscard]] Expected<app::ConfigPage> makeConfig(const FactorySettings& settings);

// Leaves nothing behind where it fails.
[[nodiscard]] Expected<void> makeFactoryFlash(const FactorySettings& settings);

[[nodiscard]] std::filesystem::path bootElfOf(const std::filesystem::path& flash);

// The configuration page of an existing flash file.
[[nodiscard]] Expected<app::ConfigPage> readFlashConfig(const std::filesystem::path& flash);

}  // namespace tinsmith::image
