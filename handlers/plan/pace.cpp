#include "handlers/plan/pace.hpp"

#include "handlers/plan/cost.hpp"

namespace tinsmith::plan {

namespace {

// Of one window in one epoch, forward and backward: what every window costs, and a multiplication.
constexpr double kPerWindow = 20e-6;
constexpr double kPerMac = 0.6e-9;
// Changed windows need their features anew each time; the board's instructions are the measure.
constexpr double kPerFeatureInstruction = 0.2e-9;

}  // namespace

double trainingSeconds(const Plan& plan, const WindowShape& window, std::size_t trainWindows) {
    BoardLimits any;
    const Cost cost = check(plan, window, any).cost;
    const double windows = static_cast<double>(trainWindows) * plan.training.epochs;
    const bool anew = plan.training.augment != Augmentation{};
    const auto features = static_cast<double>(cost.instructions - cost.networkInstructions);
    return kStartSeconds + windows * (kPerWindow + kPerMac * static_cast<double>(cost.macs) +
                                      (anew ? kPerFeatureInstruction * features : 0));
}

}  // namespace tinsmith::plan
