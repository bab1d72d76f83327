// What a language model may send: any bytes to a plan, an edit of one, a look or a recipe; a plan
// that is accepted can be costed and written again.
#include <cstdlib>
#include <string_view>

#include "handlers/plan/cost.hpp"
#include "handlers/plan/prompt.hpp"
#include "handlers/plan/recipe_prompt.hpp"
#include "handlers/plan/reply.hpp"

using namespace tinsmith;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view reply(reinterpret_cast<const char*>(data), size);
    static const Json base = Json::parse(
        R"({"version":1,"features":[{"block":"raw"}],"network":[{"layer":"flatten"},{"layer":"dense","units":4}],
            "training":{"epochs":5}})");
    (void)plan::readRetrainAnswer(reply, base, {100, 3, 3});
    (void)plan::readRequantizeAnswer(reply, base, {100, 3, 3});
    const auto answer = plan::readReply(reply);
    if (!answer) {
        (void)plan::repairMessage(answer.error());
        return 0;
    }
    const auto json = answer->kind == plan::Reply::Kind::edit ? plan::edited(base, answer->json)
                                                              : Result<Json>(answer->json);
    if (!json) return 0;
    for (const plan::WindowShape window :
         {plan::WindowShape{1, 3, 3}, plan::WindowShape{100, 3, 3},
          plan::WindowShape{5155, 1, 10, 8000}, plan::WindowShape{768, 3, 4, 0, 32, 24}}) {
        const auto plan = plan::parsePlan(*json, window);
        if (!plan) {
            (void)plan::repairMessage(plan.error());
            continue;
        }
        const plan::BoardLimits limits{"board", {25e6, 1.2, 1.3, 1.5}, 1'000'000, 256'000, 0, 0, 0};
        (void)plan::check(*plan, window, limits);
        if (!plan::parsePlan(plan::toJson(*plan), window)) std::abort();
    }
    return 0;
}
