// Runs an emulated device: emulator, sensor, control socket; until SIGINT, SIGTERM or the
// emulator's end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "firmware/image/device_sensor.hpp"
#include "firmware/image/errors.hpp"

namespace tinsmith::image {

struct RunSettings {
    std::filesystem::path flash;
    std::string sensor = "none";
    SensorSettings sensorSettings;  // `device` is taken from the flash file's device id
    double speed = 1;               // samples come this many times faster than the sensor's rate
    std::string qemu = "qemu-system-arm";
    std::vector<std::string> emulatorArguments;
};

[[nodiscard]] Expected<void> runDevice(const RunSettings& settings);

}  // namespace tinsmith::image
