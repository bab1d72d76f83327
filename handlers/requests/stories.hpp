// The stories of the long verbs, each a coroutine over durable steps. The registry hands them to
// Jobs.
#pragma once

#include "handlers/flow/job.hpp"
#include "handlers/rollout/fleet.hpp"

namespace tinsmith {

Task<Result<Json>> regenerateStory(Job& job, Fleet& fleet);
Task<Result<Json>> retrainStory(Job& job, Fleet& fleet);
Task<Result<Json>> requantizeStory(Job& job, Fleet& fleet);
// model: import.
Task<Result<Json>> modelImportStory(Job& job, Fleet& fleet);
Task<Result<Json>> rolloutStory(Job& job, Fleet& fleet);
// dataset: import, record, label and the dropping of a part.
Task<Result<Json>> datasetStory(Job& job, Fleet& fleet);

}  // namespace tinsmith
