// Post-training quantisation: a float network and a sample of its inputs become an int8 graph by
// the rules of the TFLite 8-bit quantisation specification.
//
// Convolution weights: symmetric, one scale a filter. Dense weights: symmetric, one scale (the form
// that every TFLite runtime executes). Activations: asymmetric, one scale, from the smallest to the
// largest value seen, zero included. Biases: int32 at input scale x weight scale. ReLU is fused.
// Pools, global ones too, keep the scale of their input. Softmax is appended: scale 1/256, zero
// point -128.
#pragma once

#include <span>
#include <vector>

#include "firmware/nn/graph.hpp"
#include "handlers/flow/result.hpp"
#include "handlers/train/float_network.hpp"

namespace tinsmith::quantize {

// What each activation was seen to hold; always contains 0.
struct ValueRange {
    float minimum = 0;
    float maximum = 0;
    void take(float value);
};

struct Calibration {
    ValueRange input;
    std::vector<ValueRange> layers;  // output of each layer, after ReLU
};

// Runs the float network over normalised inputs of steps * features floats each.
[[nodiscard]] Calibration calibrate(const train::FloatNetwork& network,
                                    const std::vector<std::vector<float>>& inputs);

// Input [1, 1, steps, features], output [1, classes]. bad_data where a weight is not finite or a
// layer cannot be expressed.
[[nodiscard]] Result<nn::Graph> quantize(const train::FloatNetwork& network,
                                         const Calibration& calibration);

}  // namespace tinsmith::quantize
