// The first look at generated C: cheap, closed and good at saying what is wrong. It is not what
// protects anybody: the cages and the board's guard are, and they take code as hostile whatever
// this says.
#pragma once

#include <string>
#include <string_view>

#include "handlers/flow/result.hpp"

namespace tinsmith::code {

enum class Kind { feature, decision };

inline constexpr std::size_t kMaxSourceBytes = 8192;
inline constexpr int kMaxClasses = 64;    // that a decision rule is given scores of
inline constexpr int kMaxFeatures = 256;  // that a feature block yields
// Samples times channels of a window that a feature block is given: the board copies it.
inline constexpr int kMaxWindowValues = 8192;

// "feature" or "decision", and the function that must be in it.
std::string_view kindName(Kind kind);
std::string_view functionName(Kind kind);

// The source without its comments, lines where they were. Fails with `schema`, a message with the
// line, and /code/<kind>/source.
[[nodiscard]] Result<std::string> checkSource(Kind kind, std::string_view source);

}  // namespace tinsmith::code
