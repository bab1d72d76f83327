// What model.cpp says of generated functions: firmware/app/code.hpp has the other side.
#pragma once

#include <cstdint>
#include <string>

#include "firmware/dsp/pipeline.hpp"
#include "firmware/nn/graph.hpp"

namespace tinsmith::build {

// The generated functions whose objects are linked to an image.
struct LinkedCode {
    std::uint16_t featureValues = 0;  // that tinsmith_feature() yields; 0 = there is none
    bool decision = false;            // tinsmith_decide()

    [[nodiscard]] bool any() const { return featureValues > 0 || decision; }
};

// Their declarations, which stand outside of every namespace.
std::string codeDeclarations(const LinkedCode& code);

// kOwnCode with its memory, and generatedFeatures() for the pipeline's hook; empty where there is
// no code. `output`: the network's.
std::string codeSource(const LinkedCode& code, const dsp::Pipeline& pipeline,
                       const nn::Tensor& output);

// The pipeline's CodeHook.
std::string hookText(const LinkedCode& code);

}  // namespace tinsmith::build
