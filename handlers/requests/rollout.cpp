// rollout start: a version that exists onto a group. Its images are used when their security
// counter is the newest one given out for the board; else they are built, proven and signed again,
// because devices refuse counters below their floor.
#include "handlers/api/parse.hpp"
#include "handlers/requests/release.hpp"
#include "handlers/requests/stories.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

namespace {

Task<Result<Json>> isNewest(World& world, Json version) {
    const std::string board = version.value("board", world.settings.board);
    const auto counter = world.journal.get("counter", board);
    if (!counter) co_return std::unexpected(counter.error());
    const std::int64_t given = *counter ? (**counter).value("value", std::int64_t{0}) : 0;
    const bool newest = !version.value("images", Json::array()).empty() &&
                        version.value("counter", std::int64_t{0}) == given;
    co_return Json(newest);
}

}  // namespace

Task<Result<Json>> rolloutStory(Job& job, Fleet& fleet) {
    const auto typed = typedRequest(job.verb(), job.request());
    if (!typed) co_return std::unexpected(typed.error());
    const auto request = std::get<RolloutStart>(*typed);
    Result<Json> base = co_await baseStep(job, request.model, request.version);
    if (!base) co_return std::unexpected(base.error());
    const Json version = (*base)["version"];
    const int number = version.value("version", 0);
    const Json inputs = {{"version", number}};
    Result<Json> newest =
        co_await job.step("counter-check", inputs, isNewest(job.world(), version));
    if (!newest) co_return std::unexpected(newest.error());
    const bool mustBuild = !newest->get<bool>();
    if (request.dryRun) {
        co_return Json{{"dry_run", true},
                       {"model", request.model},
                       {"version", number},
                       {"group", request.rollout.group},
                       {"rebuild", mustBuild}};
    }
    if (mustBuild) {
        Result<Json> rebuilt = co_await rebuild(job, request.model, number);
        if (!rebuilt) co_return std::unexpected(rebuilt.error());
    }
    Result<Json> rolled = co_await rolloutStep(job, fleet, request.model, number, request.rollout);
    co_return rolled;
}

}  // namespace tinsmith
