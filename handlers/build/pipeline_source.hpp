#pragma once

#include <string>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::build {

// kPipeline with the tables that it points to. `codeHook`: its CodeHook, as C++.
std::string pipelineSource(const dsp::Pipeline& pipeline, const std::string& codeHook);

}  // namespace tinsmith::build
