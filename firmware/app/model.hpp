// The model inside an image. The gateway generates model.cpp, which defines kModel; factory
// firmware links the library's own definition, a null pointer.
#pragma once

#include <cstdint>

#include "firmware/app/code.hpp"
#include "firmware/dsp/pipeline.hpp"

namespace tinsmith::app {

// A window and the bytes that the network must give for it.
struct Golden {
    const float* window;        // length * channels floats
    const std::int8_t* output;  // classCount bytes
};

struct Model {
    const char* name;
    const char* version;
    std::uint8_t digest[32];  // SHA-256 of the .tflite file
    std::uint16_t stride;     // samples between window starts
    std::uint16_t classCount;
    const char* const* labels;  // classCount of them
    const dsp::Pipeline* pipeline;
    std::uint32_t inputBytes;  // steps * features of the pipeline
    std::int8_t* input;        // inputBytes of RAM
    float* scratch;            // dsp::scratchFloats(*pipeline) floats of RAM
    void (*infer)(const std::int8_t* input, std::int8_t* output);
    const Golden* golden;
    std::uint16_t goldenCount;
    // Where the newest samples are kept of a window that is too long for the application's memory
    // (slidingSize of its values): as input bytes where the window itself is the input, else as
    // floats. Null: the application keeps them.
    std::int8_t* window = nullptr;
    std::uint32_t windowBytes = 0;
    float* samples = nullptr;
    std::uint32_t sampleFloats = 0;
    const GeneratedCode* code = nullptr;  // null: none
};

extern const Model* const kModel;

}  // namespace tinsmith::app
