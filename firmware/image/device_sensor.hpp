// What an emulated device senses: the simulated motor, rows of a CSV file, or nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "firmware/image/errors.hpp"

namespace tinsmith::image {

class Sensor {
  public:
    virtual ~Sensor() = default;
    // The next sample, 1..16 values; empty where there is nothing to sense. Valid until the next
    // call.
    [[nodiscard]] virtual std::span<const float> next() = 0;
};

struct SensorSettings {
    std::uint64_t seed = 1;
    std::uint32_t device = 0;  // which motor of the world
    double rateHz = 256;
    std::vector<std::string>
        columns;  // of a CSV file: header names or numbers from 1; empty = all that hold numbers
};

// `spec` is `motor:<condition>`, `none`, or the path of a CSV file, whose rows come again and
// again.
[[nodiscard]] Expected<std::unique_ptr<Sensor>> makeSensor(const std::string& spec,
                                                           const SensorSettings& settings);

// Switches to `spec`. Where both are the motor, the same motor turns on.
[[nodiscard]] Expected<void> switchSensor(std::unique_ptr<Sensor>& sensor, const std::string& spec,
                                          const SensorSettings& settings);

// A device id as a number, for SensorSettings::device: FNV-1a.
[[nodiscard]] std::uint32_t deviceNumber(std::string_view id);

}  // namespace tinsmith::image
