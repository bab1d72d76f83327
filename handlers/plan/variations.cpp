// Changes to a plan that did well.
#include <algorithm>
#include <cmath>

#include "handlers/plan/candidate_parts.hpp"
#include "handlers/plan/candidates.hpp"

namespace tinsmith::plan {
namespace {

Plan scaled(Plan plan, double factor) {
    for (auto& layer : plan.network) {
        const auto times = [&](int value, int most) {
            return std::clamp(static_cast<int>(std::lround(value * factor)), 4, most);
        };
        if (layer.filters > 0) layer.filters = times(layer.filters, 128);
        if (layer.kind == LayerKind::dense) layer.units = times(layer.units, 256);
    }
    return plan;
}

bool isSound(const Plan& plan) {
    return std::ranges::any_of(
        plan.features, [](const Feature& each) { return each.kind == dsp::BlockKind::mel; });
}

struct Variant {
    const char* how;
    Augmentation augment;
};

// What may vary in the world, for this kind of window: each alone on top of what the plan has, all
// of them, and none.
std::vector<Variant> augmentations(const Plan& plan, const SearchInput& input) {
    const WindowShape& window = input.window;
    const Augmentation& has = plan.training.augment;
    std::vector<Variant> variants;
    Augmentation all = has;
    const auto with = [&](const char* how, auto field, auto value) {
        if (has.*field != decltype(value){}) return;
        Augmentation one = has;
        one.*field = value;
        all.*field = value;
        variants.push_back({how, one});
    };
    if (window.pictureRows > 0) {
        with("Moved a little.", &Augmentation::shiftPixels,
             std::max(1, std::max(window.pictureRows, window.pictureColumns) / 16));
        with("Mirrored.", &Augmentation::mirror, true);
        with("With parts blanked.", &Augmentation::erase, 0.3);
        with("Zoomed a little.", &Augmentation::zoom, 0.1);
    } else if (isSound(plan)) {
        with("Higher and lower voices.", &Augmentation::pitch, 0.1);
        with("With noise.", &Augmentation::noise, 0.1);
    } else if (window.length >= 16) {
        with("Faster and slower.", &Augmentation::timeWarp, kOtherSpeed);
        if (input.axes) with("As if the sensor sat a little askew.", &Augmentation::rotate, kAskew);
        with("Stronger and weaker.", &Augmentation::scale, kOtherLevel);
    }
    if (window.length < 16 && window.pictureRows == 0)
        with("With noise, as sensors drift.", &Augmentation::noise, 0.3);
    if (variants.size() > 1) {
        variants.insert(variants.begin() + 1, {"With all that may vary.", all});
    }
    Augmentation none;
    if (window.pictureRows == 0 && !isSound(plan)) none.shift = has.shift;
    if (none != has && !(input.oneSource && input.axes))
        variants.push_back({"Without changed copies.", none});
    return variants;
}

}  // namespace

std::vector<Plan> variations(const Plan& plan, const SearchInput& input) {
    std::vector<Plan> found;
    const auto add = [&](Plan changed, const std::string& how) {
        changed.reason = plan.reason.substr(0, 400) + " " + how;
        if (validate(changed, input.window)) found.push_back(std::move(changed));
    };
    for (const Variant& variant : augmentations(plan, input)) {
        Plan changed = plan;
        changed.training.augment = variant.augment;
        add(std::move(changed), variant.how);
    }
    add(scaled(plan, 1.5), "Wider.");
    const bool drops =
        std::any_of(plan.network.begin(), plan.network.end(),
                    [](const Layer& layer) { return layer.kind == LayerKind::dropout; });
    if (!drops && !plan.network.empty()) {
        Plan changed = plan;
        changed.network.push_back(dropout(0.25));
        add(std::move(changed), "With dropout.");
    }
    if (input.contiguous && !plan.windowing) {
        Plan changed = plan;
        changed.windowing = Windowing{input.window.length * 2, input.window.length};
        add(std::move(changed), "Windows of twice the length.");
    }
    Plan longer = plan;
    longer.training.epochs = std::min(1000, plan.training.epochs * 3 / 2);
    longer.training.learningRate = plan.training.learningRate * 0.6;
    add(std::move(longer), "Longer, in smaller steps.");
    if (plan.training.augment.noise > 0) {
        Plan changed = plan;
        changed.training.augment.noise = std::min(1.0, plan.training.augment.noise * 2);
        add(std::move(changed), "With more noise.");
    }
    Plan decayed = plan;
    decayed.training.weightDecay = std::min(0.1, plan.training.weightDecay * 20);
    add(std::move(decayed), "With more weight decay.");
    return found;
}

}  // namespace tinsmith::plan
