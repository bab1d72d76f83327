// Model and version records of the journal: `model/<name>` and `version/<name>/<number, 6 digits>`.
#pragma once

#include <optional>
#include <string>

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"
#include "handlers/rollout/version_images.hpp"

namespace tinsmith {

using rollout::versionKey;

// {"model": record, "version": record}. Without a number the model's current version, else its
// latest. Fails with unknown_model or unknown_version.
[[nodiscard]] Result<Json> findVersion(Journal& journal, const std::string& model,
                                       std::optional<int> version);

// The same as a durable step: what a job started from does not change under it.
Task<Result<Json>> baseStep(Job& job, std::string model, std::optional<int> version);

// Whether a version came from a .tflite file of somebody else: it has neither plan nor float
// weights nor an accuracy.
[[nodiscard]] bool isImported(const Json& version);

// `unsupported` where `base`, as findVersion() gives it, is an imported version.
[[nodiscard]] Status checkTrained(const Json& base);

// What a version was made for: dataset, board, task, target and limits.
GoalRequest goalOfVersion(const Json& base);

// `base` with what `wanted` names in its place.
Limits narrowed(Limits base, const Limits& wanted);

// Publishes the model's retained card: its record with the current version's metrics, plan and
// images.
void publishModelCard(World& world, const std::string& model);

}  // namespace tinsmith
