// What each verb does at the desk. A short request is answered at once by `answer`; a long one is
// looked at by `admissible` before it is journalled, so that a name that does not exist is refused
// in the reply and not by a job. One file a verb.
#pragma once

#include <functional>

#include "handlers/api/requests.hpp"
#include "handlers/flow/job.hpp"
#include "handlers/rollout/fleet.hpp"

namespace tinsmith {

struct Context {
    World& world;
    Jobs& jobs;
    Fleet& fleet;
    std::function<Json()> health;
};

// Long requests. Errors: unknown_model, unknown_version, unknown_dataset, unknown_board,
// unknown_device, bad_path, bad_data, unsupported, storage_full.
[[nodiscard]] Status admissible(const Context& context, const RegenerateRequest& request);
[[nodiscard]] Status admissible(const Context& context, const RetrainRequest& request);
[[nodiscard]] Status admissible(const Context& context, const RequantizeRequest& request);
[[nodiscard]] Status admissible(const Context& context, const RolloutStart& request);
[[nodiscard]] Status admissible(const Context& context, const ModelImport& request);
[[nodiscard]] Status admissible(const Context& context, const DatasetImport& request);
[[nodiscard]] Status admissible(const Context& context, const DatasetRecord& request);
[[nodiscard]] Status admissible(const Context& context, const DatasetLabel& request);
[[nodiscard]] Status admissible(const Context& context, const DatasetDrop& request);
[[nodiscard]] Status admissible(const Context& context, const JobReplay& request);

// Short requests: the reply's data, or why not. What changes something may be asked for again and
// is then no error.
[[nodiscard]] Result<Json> answer(const Context& context, const RolloutAbort& request);
[[nodiscard]] Result<Json> answer(const Context& context, const RolloutApprove& request);
[[nodiscard]] Result<Json> answer(const Context& context, const DatasetInfo& request);
[[nodiscard]] Result<Json> answer(const Context& context, const DatasetList& request);
[[nodiscard]] Result<Json> answer(const Context& context, const DatasetDrop& request);
[[nodiscard]] Result<Json> answer(const Context& context, const ModelList& request);
[[nodiscard]] Result<Json> answer(const Context& context, const ModelShow& request);
[[nodiscard]] Result<Json> answer(const Context& context, const DeviceList& request);
[[nodiscard]] Result<Json> answer(const Context& context, const DeviceGroup& request);
[[nodiscard]] Result<Json> answer(const Context& context, const DeviceRemove& request);
[[nodiscard]] Result<Json> answer(const Context& context, const JobList& request);
[[nodiscard]] Result<Json> answer(const Context& context, const JobShow& request);
[[nodiscard]] Result<Json> answer(const Context& context, const JobCancel& request);
[[nodiscard]] Result<Json> answer(const Context& context, const JobReport& request);
[[nodiscard]] Result<Json> answer(const Context& context, const JobText& request);
[[nodiscard]] Result<Json> answer(const Context& context, const HealthRequest& request);

// Whether the request starts a job: the learning verbs, model import, rollout start, what rewrites
// a dataset, and the replay of a job.
bool isLong(const Request& request);
// Whether a short request changes something, so that its reply must be remembered.
bool changesSomething(const Request& request);

// The boards of the firmware folder, by name.
std::vector<std::string> knownBoards(const Settings& settings);

// bad_path where a request's path may lie outside of the data directory; links are followed later.
[[nodiscard]] Status staysInside(const std::string& path);

// The record of a dataset. Fails with unknown_dataset.
[[nodiscard]] Result<Json> findDataset(Journal& journal, const std::string& name);

}  // namespace tinsmith
