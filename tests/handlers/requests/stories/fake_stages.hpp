// The stage programs, the cross compiler and the emulator as one function: outputs of the right
// form with numbers that a test chooses. What they compute is tested where they live; here only the
// stories are.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/fake_world.hpp"

namespace tinsmith::testing {

class FakeStages {
  public:
    // Installs itself as the world's workers, with a board, a dataset `toy` and its file.
    explicit FakeStages(FakeWorld& world);

    double validation = 0.99;  // int8 accuracy, and its lower bound a little below
    double test = 0.95;
    Json importError;                  // what the import of a model answers
    std::size_t importedBytes = 1000;  // constants of an imported model
    // Accuracy and agreement on validation by recipe instead, where a test sets it.
    std::function<std::pair<double, double>(const Json& recipe)> ofRecipe;
    // Accuracy on validation by plan instead, where a test sets it.
    std::function<double(const Json& plan)> ofPlan;
    // The same by plan and cut of the data, where a test sets it.
    std::function<double(const Json& plan, int fold)> ofLook;
    // What trainer and quantiser cannot do, by their input, where a test sets it.
    std::function<bool(const Json& input)> fails;
    std::vector<Json> trained;  // inputs of the trainer
    double floatAccuracy = 0.99;
    std::size_t payloadPerTensor = 0;  // further bytes of an image, by its form of weights
    std::size_t payloadPerChannel = 0;
    std::vector<Json> fineTuned;  // inputs of the trainer that asked for it
    Json preflightError;          // what the check answers instead of figures
    // The same by the plan that was built; null where that passes.
    std::function<Json(const Json& plan)> preflightErrorOf;
    // Instructions of a window on the board by the plan that was built, where a test sets it.
    std::function<std::uint64_t(const Json& plan)> instructionsOf;
    bool compilerFails = false;
    int overflows = 0;                // so many links find no room
    std::string hangAt;               // the stage that never ends by itself
    Json lastGenerate;                // input of the last generate stage
    std::map<std::string, int> runs;  // how often each stage ran

  private:
    std::optional<Result<Exit>> run(const Child& child);
    void write(const std::filesystem::path& folder, const Json& output);
    [[nodiscard]] double accuracyOf(const Json& input) const;

    std::size_t payload_ = 0;
};

}  // namespace tinsmith::testing
