#pragma once

#include <string>

#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::build {

// kPipeline with the tables that it points to.
std::string pipelineSource(const dsp::Pipeline& pipeline);

}  // namespace tinsmith::build
