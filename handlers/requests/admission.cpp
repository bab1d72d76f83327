// What the learning verbs and rollouts name must exist before a job is made for it; and which
// requests make jobs at all.
#include <algorithm>
#include <filesystem>

#include "handlers/flow/explain.hpp"
#include "handlers/requests/answers.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

namespace {

template <class... Kinds>
bool isOneOf(const Request& request) {
    return (std::holds_alternative<Kinds>(request) || ...);
}

Status boardExists(const Settings& settings, const std::string& board) {
    if (board.empty()) return {};
    const auto boards = knownBoards(settings);
    if (std::ranges::find(boards, board) != boards.end()) return {};
    return fail(Code::unknown_board, "there is no board " + board, "boards: " + joined(boards),
                "/board");
}

Status versionExists(const Context& context, const std::string& model, std::optional<int> version) {
    const auto found = findVersion(context.world.journal, model, version);
    if (!found) return std::unexpected(found.error());
    return {};
}

// Only what was trained here can be trained on or quantised anew.
Status trainedVersionExists(const Context& context, const std::string& model,
                            std::optional<int> version) {
    const auto found = findVersion(context.world.journal, model, version);
    if (!found) return std::unexpected(found.error());
    return checkTrained(*found);
}

Status datasetExists(const Context& context, const std::string& dataset) {
    const auto found = findDataset(context.world.journal, dataset);
    if (!found) return std::unexpected(found.error());
    return {};
}

}  // namespace

bool isLong(const Request& request) {
    if (const auto* drop = std::get_if<DatasetDrop>(&request)) return drop->label || drop->group;
    return isOneOf<RegenerateRequest, RetrainRequest, RequantizeRequest, RolloutStart, ModelImport,
                   DatasetImport, DatasetRecord, DatasetLabel, JobReplay>(request);
}

bool changesSomething(const Request& request) {
    return isOneOf<RolloutAbort, RolloutApprove, DatasetDrop, DeviceGroup, DeviceRemove, JobCancel>(
        request);
}

std::vector<std::string> knownBoards(const Settings& settings) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(settings.firmwareDir / "boards", error)) {
        if (std::filesystem::exists(entry.path() / "board.toml", error)) {
            names.push_back(entry.path().filename().string());
        }
    }
    std::ranges::sort(names);
    return names;
}

Status staysInside(const std::string& text) {
    const std::filesystem::path path(text);
    bool inside = path.is_relative() && text.find('\0') == std::string::npos;
    for (const auto& part : path) inside = inside && part != "..";
    if (inside) return {};
    return fail(Code::bad_path, "the path leaves the data directory",
                "name a file or folder below it, like \"fruit\"", "/path");
}

Status admissible(const Context& context, const RegenerateRequest& request) {
    if (auto there = datasetExists(context, request.dataset); !there) return there;
    return boardExists(context.world.settings, request.board);
}

Status admissible(const Context& context, const RetrainRequest& request) {
    if (auto there = trainedVersionExists(context, request.model, request.version); !there)
        return there;
    return request.dataset.empty() ? Status() : datasetExists(context, request.dataset);
}

Status admissible(const Context& context, const RequantizeRequest& request) {
    return trainedVersionExists(context, request.model, request.version);
}

Status admissible(const Context& context, const ModelImport& request) {
    if (auto inside = staysInside(request.path); !inside) return inside;
    return boardExists(context.world.settings, request.board);
}

Status admissible(const Context& context, const RolloutStart& request) {
    return versionExists(context, request.model, request.version);
}

// A rollout that waits has no record yet; its id is its job's.
Result<Json> answer(const Context& context, const RolloutApprove& request) {
    const std::string job = request.rollout.starts_with("r-") ? request.rollout.substr(2) : "";
    const auto record = context.world.journal.get("job", job);
    if (!record) return std::unexpected(record.error());
    if (job.empty() || !*record) {
        return fail(Code::unknown_rollout, "there is no rollout " + request.rollout,
                    "the job that waits for approval names it", "/rollout");
    }
    if (auto approved = context.jobs.approve(job); !approved)
        return std::unexpected(approved.error());
    return Json{{"rollout", request.rollout}, {"state", "approved"}};
}

Result<Json> answer(const Context& context, const RolloutAbort& request) {
    const auto record = context.world.journal.get("rollout", request.rollout);
    if (!record) return std::unexpected(record.error());
    if (!*record || (**record).value("state", "") != "aborted") {
        if (auto aborted = context.fleet.abort(request.rollout); !aborted) {
            return std::unexpected(aborted.error());
        }
    }
    return Json{{"rollout", request.rollout}, {"state", "aborting"}};
}

}  // namespace tinsmith
