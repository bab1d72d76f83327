#include "handlers/plan/fixed.hpp"

#include <algorithm>

namespace tinsmith::plan {

namespace {

bool hasCodeBlock(const Json& plan) {
    const Json features = plan.value("features", Json::array());
    return features.is_array() && std::ranges::any_of(features, [](const Json& block) {
               return block.is_object() && block.value("block", Json()) == "code";
           });
}

// A fixed block `code` is computed of windows as recorded: what a proposed plan augments by beside
// that is left out. What the asker fixed himself stays, and is refused where it cannot be.
void keepWhatCodeTakes(Json& plan, const Json& fixed) {
    const Json::json_pointer at("/training/augment");
    if (!fixed.is_object() || !fixed.contains("features") || !plan.contains(at)) return;
    const Json asked = fixed.contains(at) ? fixed[at] : Json::object();
    Json kept = Json::object();
    for (const auto& [key, value] : plan[at].items()) {
        if (key == "noise" || key == "mix" || asked.contains(key)) kept[key] = value;
    }
    plan[at] = kept;
}

}  // namespace

Result<Plan> withFixed(const Json& plan, const Json& fixed, const WindowShape& window) {
    // A whole plan takes nothing over from another one, not even what it leaves to its defaults.
    Json merged = fixesAll(fixed) ? Json{{"version", kPlanVersion}} : plan;
    if (fixed.is_object()) merged.merge_patch(fixed);
    if (hasCodeBlock(merged)) keepWhatCodeTakes(merged, fixed);
    return parsePlan(merged, window);
}

std::vector<Plan> allWithFixed(const std::vector<Plan>& plans, const Json& fixed,
                               const WindowShape& window) {
    if (!fixed.is_object() || fixed.empty()) return plans;
    std::vector<Plan> found;
    std::vector<Json> seen;
    for (const Plan& plan : plans) {
        auto merged = withFixed(toJson(plan), fixed, window);
        if (!merged) continue;
        Json key = toJson(*merged);
        key.erase("reason");
        if (std::ranges::find(seen, key) != seen.end()) continue;
        seen.push_back(std::move(key));
        found.push_back(std::move(*merged));
    }
    return found;
}

bool fixesAll(const Json& fixed) {
    return fixed.is_object() && fixed.contains("features") && fixed.contains("network") &&
           fixed.contains("training");
}

}  // namespace tinsmith::plan
