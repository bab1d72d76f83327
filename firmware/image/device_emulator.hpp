// One emulator process: QEMU's machine for the board of the boot loader, on a flash file. The
// sensor port is a socket pair, so that nothing else can reach it and no address can be taken.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "firmware/image/errors.hpp"

namespace tinsmith::image {

struct EmulatorSettings {
    std::filesystem::path flash;
    std::filesystem::path bootElf;
    std::filesystem::path log;  // what the device prints on UART0; appended to
    std::string qemu = "qemu-system-arm";
    std::string mac;                 // 52:54:00:xx:xx:xx
    std::vector<std::string> extra;  // further arguments of QEMU, for tests
};

class Emulator {
  public:
    explicit Emulator(EmulatorSettings settings) : settings_(std::move(settings)) {}
    Emulator(const Emulator&) = delete;
    Emulator& operator=(const Emulator&) = delete;
    ~Emulator() { cut(); }

    // Power on; fails where the boot loader is missing or names no board. The emulator dies with
    // this process, whatever kills it.
    [[nodiscard]] Expected<void> start();

    // Power off, in the middle of whatever the device does: SIGKILL.
    void cut();

    // The board's reset button.
    [[nodiscard]] bool reset();

    // True while the emulator runs; notices when it ended by itself.
    [[nodiscard]] bool running();

    // Bytes for the sensor port. False where the device has not taken the earlier ones yet: the
    // sample is lost, as it would be in a real sensor without a buffer.
    bool feed(std::span<const std::uint8_t> bytes);

  private:
    void closeSockets();

    EmulatorSettings settings_;
    pid_t child_ = 0;
    int sensor_ = -1;
    int monitor_ = -1;
    std::vector<std::uint8_t> unsent_;  // rest of a frame that went out in part
};

// Locks the flash file for as long as the returned descriptor is open. Fails where somebody else
// runs on it.
[[nodiscard]] Expected<int> lockFlash(const std::filesystem::path& flash);

}  // namespace tinsmith::image
