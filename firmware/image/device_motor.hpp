// A simulated vibrating motor for emulated devices: no recording, but a small physical model. One
// sample is the acceleration in g along the three axes of a sensor that is mounted on the bearing
// housing.
//
// Model (the usual vibration analysis: R. B. Randall, Vibration-based Condition Monitoring, 2011,
// chapters 2 and 3):
//   shaft harmonics     1x, 2x and 3x of the shaft frequency, about 25 Hz
//   imbalance           1x, radial, a rotating force that grows with the square of the speed
//   misalignment        2x and 3x, mostly axial
//   bearing fault       an impact each time a ball passes the defect of the outer race (3.58 a
//   turn, with slip), each of
//                       which rings a structural resonance, stronger in the load zone
//   noise, mains hum
// The sensor is AC-coupled, as piezoelectric vibration sensors are: gravity does not show, the
// mounting mixes the axes. Speed, mounting rotation, gain, resonance and noise level differ from
// device to device; speed, load and the severity of a fault wander slowly within one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

namespace tinsmith::image {

enum class MotorCondition : std::uint8_t { normal, imbalance, misalignment, bearing_fault };
inline constexpr std::array<std::string_view, 4> kMotorConditions = {
    "normal", "imbalance", "misalignment", "bearing_fault"};

[[nodiscard]] std::optional<MotorCondition> motorCondition(std::string_view name);

class Motor {
  public:
    // The same seed, device and calls give the same samples. `device` tells one motor of a world
    // from another.
    Motor(std::uint64_t seed, std::uint32_t device, MotorCondition condition,
          double rateHz = 256.0);

    // From the next sample on; the shaft turns on without a jump.
    void set(MotorCondition condition) { condition_ = condition; }

    [[nodiscard]] std::array<float, 3> next();

  private:
    using Vector = std::array<double, 3>;

    // A slow random walk around 0 that stays within about +-1: an Ornstein-Uhlenbeck process.
    struct Wander {
        double value = 0;
        double timeConstantS = 10;
    };

    double uniform();  // [0, 1)
    double normal();   // mean 0, deviation 1
    void step(Wander& wander, double seconds);
    void impacts(double seconds, double shaftHz, double strength);
    Vector housing(double seconds);

    std::mt19937_64 random_;
    MotorCondition condition_;
    double rateHz_;

    // Of this device.
    double shaftHz_ = 25;
    double gain_ = 1;
    double noise_ = 0.03;
    double resonanceHz_ = 104;
    std::array<double, 3> harmonicPhase_{};
    std::array<Vector, 3> mounting_{};  // rotation matrix, rows

    Wander speed_{0, 6};
    Wander load_{0, 5};
    Wander severity_{0, 12};
    double shaftPhase_ = 0;  // radians
    double humPhase_ = 0;
    double nextImpact_ = 1;  // in ball passes
    double ringing_ = 0;     // displacement-like state of the resonance, and its velocity
    double ringingSpeed_ = 0;
};

}  // namespace tinsmith::image
