#include "firmware/image/device_motor.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tinsmith::image {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr int kSubsteps = 4;  // per sample, so that the resonance and the impacts are not aliased
constexpr double kPassesATurn = 3.58;  // outer race of a bearing with 9 balls
constexpr double kSlip = 0.015;        // deviation of the time between impacts
constexpr double kDamping = 0.06;      // of the structural resonance
constexpr double kNominalHz = 25;

}  // namespace

std::optional<MotorCondition> motorCondition(std::string_view name) {
    const auto found = std::find(kMotorConditions.begin(), kMotorConditions.end(), name);
    if (found == kMotorConditions.end()) return std::nullopt;
    return static_cast<MotorCondition>(found - kMotorConditions.begin());
}

// Own distributions: those of the standard library differ between implementations.
double Motor::uniform() {
    return static_cast<double>(random_() >> 11) * 0x1p-53;
}

double Motor::normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(kTurn * uniform());
}

Motor::Motor(std::uint64_t seed, std::uint32_t device, MotorCondition condition, double rateHz)
    : random_(seed * 0x9E3779B97F4A7C15ull + device), condition_(condition), rateHz_(rateHz) {
    const auto within = [this](double span) { return (2 * uniform() - 1) * span; };
    shaftHz_ = kNominalHz * (1 + within(0.06));
    gain_ = 1 + within(0.10);
    noise_ = 0.03 * (1.025 + within(0.225));
    resonanceHz_ = 104 * (1 + within(0.03));
    for (double& phase : harmonicPhase_) phase = kTurn * uniform();
    shaftPhase_ = kTurn * uniform();
    humPhase_ = kTurn * uniform();
    // Mounting: turned by up to 12 degrees about each axis, one after the other.
    constexpr double kMost = 12.0 / 360 * kTurn / 1.7320508;
    const double a = within(kMost);
    const double b = within(kMost);
    const double c = within(kMost);
    mounting_ = {Vector{std::cos(b) * std::cos(c), -std::cos(b) * std::sin(c), std::sin(b)},
                 Vector{std::cos(a) * std::sin(c) + std::sin(a) * std::sin(b) * std::cos(c),
                        std::cos(a) * std::cos(c) - std::sin(a) * std::sin(b) * std::sin(c),
                        -std::sin(a) * std::cos(b)},
                 Vector{std::sin(a) * std::sin(c) - std::cos(a) * std::sin(b) * std::cos(c),
                        std::sin(a) * std::cos(c) + std::cos(a) * std::sin(b) * std::sin(c),
                        std::cos(a) * std::cos(b)}};
}

void Motor::step(Wander& wander, double seconds) {
    const double keep = seconds / wander.timeConstantS;
    wander.value += -wander.value * keep + 0.5 * std::sqrt(2 * keep) * normal();
    wander.value = std::clamp(wander.value, -1.0, 1.0);
}

void Motor::impacts(double seconds, double shaftHz, double strength) {
    // Semi-implicit Euler keeps the oscillator stable at this step.
    const double omega = kTurn * resonanceHz_;
    nextImpact_ -= seconds * shaftHz * kPassesATurn;
    if (nextImpact_ <= 0) {
        nextImpact_ += 1 + kSlip * normal();
        // The load zone is above: impacts there are harder.
        const double zone = 1 + 0.4 * std::cos(shaftPhase_);
        ringingSpeed_ += strength * zone * (1 + 0.15 * normal()) * omega;
    }
    ringingSpeed_ -= seconds * (omega * omega * ringing_ + 2 * kDamping * omega * ringingSpeed_);
    ringing_ += seconds * ringingSpeed_;
}

Motor::Vector Motor::housing(double seconds) {
    const double shaftHz = shaftHz_ * (1 + 0.05 * speed_.value);
    shaftPhase_ = std::fmod(shaftPhase_ + kTurn * shaftHz * seconds, kTurn);
    humPhase_ = std::fmod(humPhase_ + kTurn * 50 * seconds, kTurn);
    const double load = 1 + 0.15 * load_.value;
    const double severity = 1 + 0.3 * severity_.value;
    const double speedSquared = shaftHz / kNominalHz * (shaftHz / kNominalHz);

    // What every motor shows: a little imbalance, a little misalignment.
    std::array<double, 3> radial = {0.08 * speedSquared, 0.03 * load, 0.015 * load};
    std::array<double, 3> axial = {0.02, 0.02 * load, 0.01 * load};
    double impact = 0;
    switch (condition_) {
        case MotorCondition::normal:
            break;
        case MotorCondition::imbalance:
            radial[0] += 0.28 * speedSquared * severity;
            break;
        case MotorCondition::misalignment:
            radial[1] += 0.10 * load * severity;
            axial[0] += 0.05 * severity;
            axial[1] += 0.24 * load * severity;
            axial[2] += 0.10 * load * severity;
            break;
        case MotorCondition::bearing_fault:
            impact = 0.22 * load * severity;
            break;
    }
    impacts(seconds, shaftHz, impact);

    Vector force{0, 0, 0};
    for (std::size_t h = 0; h < 3; ++h) {
        const double phase = static_cast<double>(h + 1) * shaftPhase_ + harmonicPhase_[h];
        force[0] += radial[h] * std::cos(phase);
        force[1] += radial[h] * std::sin(phase) * 0.8;  // the base is stiffer upwards
        force[2] += axial[h] * std::cos(phase + 0.7);
    }
    force[0] += 0.6 * ringing_;
    force[1] += ringing_;
    force[2] += 0.3 * ringing_ + 0.01 * std::sin(humPhase_);
    return force;
}

std::array<float, 3> Motor::next() {
    const double seconds = 1 / rateHz_;
    step(speed_, seconds);
    step(load_, seconds);
    step(severity_, seconds);
    Vector mean{0, 0, 0};
    for (int i = 0; i < kSubsteps; ++i) {
        const Vector part = housing(seconds / kSubsteps);
        for (std::size_t axis = 0; axis < 3; ++axis) mean[axis] += part[axis] / kSubsteps;
    }
    std::array<float, 3> sample{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const Vector& row = mounting_[axis];
        const double turned = row[0] * mean[0] + row[1] * mean[1] + row[2] * mean[2];
        sample[axis] = static_cast<float>(gain_ * turned + noise_ * normal());
    }
    return sample;
}

}  // namespace tinsmith::image
