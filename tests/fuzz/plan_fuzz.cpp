// What a language model may send: any bytes to a plan, and a plan that is accepted can be costed
// and written again.
#include <cstdlib>
#include <string_view>

#include "handlers/plan/cost.hpp"
#include "handlers/plan/prompt.hpp"

using namespace tinsmith;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view reply(reinterpret_cast<const char*>(data), size);
    const auto json = plan::extractPlan(reply);
    if (!json) {
        (void)plan::renderRepair(json.error());
        return 0;
    }
    for (const plan::WindowShape window :
         {plan::WindowShape{1, 3, 3}, plan::WindowShape{100, 3, 3}}) {
        const auto plan = plan::parsePlan(*json, window);
        if (!plan) {
            (void)plan::renderRepair(plan.error());
            continue;
        }
        const plan::BoardLimits limits{"board", {25e6, 1.2, 1.3, 1.5}, 1'000'000, 256'000, 0, 0, 0};
        (void)plan::check(*plan, window, limits);
        if (!plan::parsePlan(plan::toJson(*plan), window)) std::abort();
    }
    return 0;
}
