#include "handlers/plan/fixed.hpp"

#include <algorithm>

namespace tinsmith::plan {

Result<Plan> withFixed(const Json& plan, const Json& fixed, const WindowShape& window) {
    // A whole plan takes nothing over from another one, not even what it leaves to its defaults.
    Json merged = fixesAll(fixed) ? Json{{"version", kPlanVersion}} : plan;
    if (fixed.is_object()) merged.merge_patch(fixed);
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
