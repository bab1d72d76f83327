// Post-training quantisation: a float network and the ranges of its activations become an int8
// graph by the rules of the TFLite 8-bit quantisation specification.
//
// Convolution weights: symmetric, one scale a filter, or one for all where asked. Dense weights:
// symmetric, one scale (the form that every TFLite runtime executes). Activations: asymmetric, one
// scale, over the range that calibration chose, zero included. Biases: int32 at input scale x
// weight scale. ReLU is fused. Pools, global ones too, keep the scale of their input. Softmax is
// appended: scale 1/256, zero point -128.
#pragma once

#include "firmware/nn/graph.hpp"
#include "handlers/flow/result.hpp"
#include "handlers/train/float_network.hpp"
#include "handlers/train/int8_scales.hpp"

namespace tinsmith::quantize {

// Input [1, 1, steps, features], output [1, classes]. bad_data where a weight is not finite or a
// layer cannot be expressed.
[[nodiscard]] Result<nn::Graph> quantize(const train::FloatNetwork& network,
                                         const train::Ranges& ranges, bool perChannel = true);

}  // namespace tinsmith::quantize
