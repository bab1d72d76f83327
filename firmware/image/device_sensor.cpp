#include "firmware/image/device_sensor.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "firmware/image/device_motor.hpp"
#include "firmware/wire/sensor_frame.hpp"

namespace tinsmith::image {
namespace {

class NoSensor final : public Sensor {
  public:
    std::span<const float> next() override { return {}; }
};

class MotorSensor final : public Sensor {
  public:
    MotorSensor(const SensorSettings& settings, MotorCondition condition)
        : motor_(settings.seed, settings.device, condition, settings.rateHz) {}

    std::span<const float> next() override {
        sample_ = motor_.next();
        return sample_;
    }
    void set(MotorCondition condition) { motor_.set(condition); }

  private:
    Motor motor_;
    std::array<float, 3> sample_{};
};

class CsvSensor final : public Sensor {
  public:
    CsvSensor(std::vector<float> values, std::size_t channels)
        : values_(std::move(values)), channels_(channels) {}

    std::span<const float> next() override {
        if (at_ == values_.size()) at_ = 0;
        at_ += channels_;
        return {values_.data() + at_ - channels_, channels_};
    }

  private:
    std::vector<float> values_;
    std::size_t channels_;
    std::size_t at_ = 0;
};

std::vector<std::string> cells(const std::string& line) {
    std::vector<std::string> out(1);
    for (const char c : line) {
        if (c == ',') {
            out.emplace_back();
        } else if (c != '\r') {
            out.back() += c;
        }
    }
    return out;
}

std::optional<float> number(const std::string& cell) {
    if (cell.empty()) return std::nullopt;
    char* end = nullptr;
    const float value = std::strtof(cell.c_str(), &end);
    if (*end != '\0' || !std::isfinite(value)) return std::nullopt;
    return value;
}

// Which cells of a row are wanted. `header` may be empty.
Expected<std::vector<std::size_t>> chooseColumns(const std::vector<std::string>& header,
                                                 const std::vector<std::string>& row,
                                                 const std::vector<std::string>& wanted) {
    std::vector<std::size_t> chosen;
    for (const std::string& name : wanted) {
        const auto found = std::find(header.begin(), header.end(), name);
        if (found != header.end()) {
            chosen.push_back(static_cast<std::size_t>(found - header.begin()));
            continue;
        }
        const std::size_t index = std::strtoul(name.c_str(), nullptr, 10);
        if (index == 0 || index > row.size()) {
            return fail("the file has no column `" + name + "`",
                        "use a name of its header or a number from 1");
        }
        chosen.push_back(index - 1);
    }
    if (wanted.empty()) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (number(row[i])) chosen.push_back(i);
        }
    }
    if (chosen.empty() || chosen.size() > wire::kMaxChannels) {
        return fail("a sensor has 1 to 16 channels, not " + std::to_string(chosen.size()),
                    "choose with --columns");
    }
    return chosen;
}

Expected<std::unique_ptr<Sensor>> readCsv(const std::string& path,
                                          const std::vector<std::string>& wanted) {
    std::ifstream in(path);
    if (!in)
        return fail("cannot read the sensor file " + path,
                    "motor:<condition>, none, or a CSV file");
    std::vector<std::string> header;
    std::vector<std::size_t> chosen;
    std::vector<float> values;
    std::string line;
    for (std::size_t lineNumber = 1; std::getline(in, line); ++lineNumber) {
        const std::vector<std::string> row = cells(line);
        if (row.size() == 1 && row[0].empty()) continue;
        const bool hasNumber = std::any_of(row.begin(), row.end(),
                                           [](const auto& c) { return number(c).has_value(); });
        if (header.empty() && values.empty() && !hasNumber) {
            header = row;
            continue;
        }
        if (chosen.empty()) {
            auto columns = chooseColumns(header, row, wanted);
            if (!columns) return std::unexpected(columns.error());
            chosen = std::move(*columns);
        }
        for (const std::size_t column : chosen) {
            const auto value = column < row.size() ? number(row[column]) : std::nullopt;
            if (!value)
                return fail(path + " line " + std::to_string(lineNumber) +
                            " holds no number in column " + std::to_string(column + 1));
            values.push_back(*value);
        }
    }
    if (values.empty()) return fail("the sensor file " + path + " holds no samples");
    return std::make_unique<CsvSensor>(std::move(values), chosen.size());
}

constexpr std::string_view kMotorPrefix = "motor:";

Expected<MotorCondition> conditionOf(const std::string& spec) {
    const auto condition = motorCondition(std::string_view(spec).substr(kMotorPrefix.size()));
    if (!condition) {
        return fail(
            "the simulated motor knows no condition `" + spec.substr(kMotorPrefix.size()) + "`",
            "normal, imbalance, misalignment or bearing_fault");
    }
    return *condition;
}

}  // namespace

Expected<std::unique_ptr<Sensor>> makeSensor(const std::string& spec,
                                             const SensorSettings& settings) {
    if (spec == "none") return std::make_unique<NoSensor>();
    if (spec.starts_with(kMotorPrefix)) {
        const auto condition = conditionOf(spec);
        if (!condition) return std::unexpected(condition.error());
        return std::make_unique<MotorSensor>(settings, *condition);
    }
    return readCsv(spec, settings.columns);
}

Expected<void> switchSensor(std::unique_ptr<Sensor>& sensor, const std::string& spec,
                            const SensorSettings& settings) {
    auto* motor = dynamic_cast<MotorSensor*>(sensor.get());
    if (motor != nullptr && spec.starts_with(kMotorPrefix)) {
        const auto condition = conditionOf(spec);
        if (!condition) return std::unexpected(condition.error());
        motor->set(*condition);
        return {};
    }
    auto other = makeSensor(spec, settings);
    if (!other) return std::unexpected(other.error());
    sensor = std::move(*other);
    return {};
}

std::uint32_t deviceNumber(std::string_view id) {
    std::uint32_t hash = 0x811C9DC5;
    for (const char c : id) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x01000193;
    return hash;
}

}  // namespace tinsmith::image
