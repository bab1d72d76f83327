#include "handlers/requests/registry.hpp"

#include "handlers/requests/stories.hpp"

namespace tinsmith {

void addStories(Jobs& jobs, Fleet& fleet) {
    jobs.add("regenerate", [&fleet](Job& job) { return regenerateStory(job, fleet); });
    jobs.add("retrain", [&fleet](Job& job) { return retrainStory(job, fleet); });
    jobs.add("requantize", [&fleet](Job& job) { return requantizeStory(job, fleet); });
    jobs.add("rollout", [&fleet](Job& job) { return rolloutStory(job, fleet); });
    jobs.add("model", [&fleet](Job& job) { return modelImportStory(job, fleet); });
    jobs.add("dataset", [&fleet](Job& job) { return datasetStory(job, fleet); });
}

}  // namespace tinsmith
