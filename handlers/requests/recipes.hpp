// Choosing a quantisation recipe by what each gives on validation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "handlers/flow/job.hpp"
#include "handlers/plan/plan.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

// What one recipe gave. The float network was fitted on validation too, so that agreement with it
// says as much as accuracy does.
struct RecipeTrial {
    plan::Quantization recipe;
    double accuracy = 0;  // int8
    double floatAccuracy = 0;
    double agreement = 0;          // share of windows that int8 and float give the same class
    std::uint64_t bytes = 0;       // of the .tflite file
    std::uint64_t imageBytes = 0;  // of the signed image; 0 = not built, because flash is no limit
    std::string tflite;            // artefact
    Json report;                   // of the built image
};

Json toJson(const RecipeTrial& trial);

// What to try and on what.
struct RecipeSearch {
    Json plan;     // its recipe is replaced by each of those tried
    Json network;  // {"network_json","weights"}
    std::vector<plan::Quantization> recipes;
    bool mayFineTune = false;  // where the target is not met without
    bool flashTight = false;   // then images are built, and must fit
    int version = 0;           // that the images of trials say they are
};

struct RecipeChoice {
    std::vector<RecipeTrial> tried;
    plan::Quantization recipe;
};

// The version's own recipe, then every calibration with and without bias correction; where flash is
// tight all of them per tensor too.
std::vector<plan::Quantization> usualRecipes(const plan::Quantization& own, bool flashTight);

// Each trial is a step. The best accuracy on validation wins among what fits the flash limit, then
// the better agreement, then the earlier. Where that misses the goal's target: fine-tuning of the
// winner, briefly, then longer. Fails with not_feasible when no image fits, saying what takes how
// much, or with what a stage fails with.
Task<Result<RecipeChoice>> chooseRecipe(Job& job, Goal goal, RecipeSearch search);

// "min_max 97.1 %, mse 97.4 %", and what the float network reaches.
std::string recipesInWords(const std::vector<RecipeTrial>& tried);

}  // namespace tinsmith
