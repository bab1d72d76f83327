#include "handlers/requests/rule.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include "handlers/requests/generated.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace fs = std::filesystem;

Task<Result<Json>> withRule(Job& job, Goal goal, Json plan, Json made, int percent, int fold) {
    constexpr code::Kind kRule = code::Kind::decision;
    if (!hasCode(plan, kRule)) co_return made;
    Result<fs::path> program = co_await gatewayProgram(job, plan, kRule);
    if (!program) co_return std::unexpected(program.error());
    const fs::path folder = made.value("folder", "");
    std::vector<std::string> parts;
    for (const auto& [part, report] : made["parts"].items()) parts.push_back(part);
    for (const std::string& part : parts) {
        const fs::path given = folder / ("code-input-" + part);
        Result<fs::path> decided = co_await runGenerated(job, kRule, *program, given, 1);
        if (!decided) co_return std::unexpected(decided.error());
        const Json input = {{"dataset", job.world().artefacts.path(goal.data).string()},
                            {"plan", plan},
                            {"part", part},
                            {"fold", fold},
                            {"outputs", (folder / ("outputs-" + part + ".bin")).string()},
                            {"decided", decided->string()}};
        Result<Json> report =
            co_await runStage(job, "tinsmith-work", "decide", input, "decide", percent, percent);
        if (!report) co_return std::unexpected(report.error());
        report->erase("folder");
        made["parts"][part].update(*report);
    }
    co_return made;
}

}  // namespace tinsmith
