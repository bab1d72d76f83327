// One operator as C++ source: its constants, and its call with the places of its tensors left open.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "firmware/nn/prepare.hpp"

namespace tinsmith::build {

struct StepSource {
    std::string kernel;      // what is called, without its namespace
    std::string constants;   // definitions that the call names
    std::string call;        // @0, @1 … inputs, @out, @scratch: filled in by placed()
    std::int64_t bytes = 0;  // of the constants that are parameters
    std::int64_t scratchBytes = 0;
    std::int64_t readsBehind = 0;  // bytes behind an input's end that are read, whatever they hold
    // The output may overlap each input that nobody reads later, if it begins at most so many bytes
    // after the input's begin, and a multiple of `outputStep` bytes from it; nothing: it must not.
    std::optional<std::int64_t> outputFrom;
    std::int64_t outputStep = 1;
};

// The call with its places, expressions of the generated source, filled in.
[[nodiscard]] std::string placed(const StepSource& step, const std::vector<std::string>& inputs,
                                 const std::string& output, const std::string& scratch);

// "{1, 2, 3}"
[[nodiscard]] std::string braces(std::initializer_list<std::int64_t> values);

// With the portable kernels: any step.
[[nodiscard]] StepSource portableSource(const nn::Step& step);
// With the kernels of Armv7E-M; nothing where they do not do it.
[[nodiscard]] std::optional<StepSource> armv7emSource(const nn::Step& step);

}  // namespace tinsmith::build
