// A plan's generated code through the cages: compiled for the gateway and for a board, and run on
// the gateway.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "handlers/code/source.hpp"
#include "handlers/flow/job.hpp"

namespace tinsmith {

[[nodiscard]] bool hasCode(const Json& plan, code::Kind kind);

// Compiles the function for the gateway and links it to the program that runs it, whose path this
// is. Fails with build_failed and the compiler's words in short.
Task<Result<std::filesystem::path>> gatewayProgram(Job& job, Json plan, code::Kind kind);

// Each function of the plan as an object for a board; `compiler` is build::BoardTools::code.
Task<Result<std::map<code::Kind, std::string>>> boardObjects(Job& job, Json plan,
                                                             std::vector<std::string> compiler);

// Runs the program on `input` (a code-input file, which is moved); the path of what it wrote.
// `outputs`: values that it writes for each item.
Task<Result<std::filesystem::path>> runGenerated(Job& job, code::Kind kind,
                                                 std::filesystem::path program,
                                                 std::filesystem::path input, int outputs);

}  // namespace tinsmith
