// JSON of what a plan does to data: features, windowing, cleaning, conditioning, augmentation. What
// is read fits the schema. What is left at its default is not written, but for features.
#pragma once

#include "handlers/plan/plan.hpp"

namespace tinsmith::plan {

Json toJson(const Feature& feature);
Feature featureFrom(const Json& json);

Json toJson(const Windowing& windowing);
Windowing windowingFrom(const Json& json);

Json toJson(const Cleaning& cleaning);
Cleaning cleaningFrom(const Json& json);

Json toJson(const dsp::Conditioning& conditioning);
dsp::Conditioning conditioningFrom(const Json& json);

Json toJson(const Augmentation& augmentation);
Augmentation augmentationFrom(const Json& json);

}  // namespace tinsmith::plan
