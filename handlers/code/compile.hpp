// How generated code is compiled for the gateway and for a board, and linked to the program that
// runs it on the gateway. Nothing is run here; the commands go through the Workers port, in the
// compile cage.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/code/source.hpp"
#include "handlers/flow/ports.hpp"

namespace tinsmith::code {

// Files in the folder that the commands work in.
inline constexpr const char* kHeaderFile = "tinsmith_code.h";
inline constexpr const char* kProgramFile = "code-run";
std::string sourceFile(Kind kind);  // feature.c
std::string objectFile(Kind kind);  // feature.o
std::string graphFile(Kind kind);   // feature.ci

// `compiler`: its name and what chooses the processor, {"gcc"} for the gateway.
[[nodiscard]] std::vector<std::string> compileCommand(Kind kind,
                                                      const std::vector<std::string>& compiler);

// The gateway's objects of `kinds` and `library` (libtinsmith_code_run.a) to kProgramFile.
[[nodiscard]] std::vector<std::string> linkCommand(const std::vector<Kind>& kinds,
                                                   const std::filesystem::path& library);

// A child of the compile cage with limits that small sources never meet.
[[nodiscard]] Child compileChild(std::vector<std::string> argv,
                                 const std::filesystem::path& folder);

// The same for linking; `library` is libtinsmith_code_run.a.
[[nodiscard]] Child linkChild(const std::vector<Kind>& kinds, const std::filesystem::path& library,
                              const std::filesystem::path& folder);

// What GCC wrote, as a planner needs it: the first five errors, each "line 3: …", at most 1500
// bytes of plain text.
[[nodiscard]] std::string shortComplaint(std::string_view errors);

}  // namespace tinsmith::code
