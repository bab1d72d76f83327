// A plan's decision rule through the cages: compiled for the gateway and for a board, run on the
// gateway, and what it does to the figures of a version.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "handlers/flow/job.hpp"
#include "handlers/requests/goal.hpp"

namespace tinsmith {

[[nodiscard]] bool hasRule(const Json& plan);

// Compiles the rule for the gateway and links it to the program that runs it, whose path this is.
// Fails with build_failed and the compiler's words in short.
Task<Result<std::filesystem::path>> ruleProgram(Job& job, Json plan);

// Only whether it compiles: what a planner wants to know before anything is trained. An empty
// object.
Task<Result<Json>> checkRule(Job& job, Json plan);

// The rule as an object for a board; `compiler` is build::BoardTools::code.
Task<Result<std::string>> ruleObject(Job& job, Json plan, std::vector<std::string> compiler);

// Runs the program on `input` (a code-input file); the path of what it wrote.
Task<Result<std::filesystem::path>> runRule(Job& job, std::filesystem::path program,
                                            std::filesystem::path input);

// `made`: what the stages quantize or evaluate returned, for a plan with or without a rule. With
// one, the figures of each part become those of what is published (handlers/quantize/decision.hpp).
// `percent`: where the job is.
Task<Result<Json>> withRule(Job& job, Goal goal, Json plan, Json made, int percent);

}  // namespace tinsmith
