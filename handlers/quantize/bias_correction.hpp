// Bias correction: rounding weights and cutting activations off shifts a layer's output on average;
// that mean shift goes into the int32 bias. After M. Nagel, M. van Baalen, T. Blankevoort,
// M. Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019,
// its empirical form: measured on data, layer after layer, before the activation function.
#pragma once

#include <vector>

#include "firmware/nn/graph.hpp"
#include "handlers/flow/result.hpp"
#include "handlers/train/float_network.hpp"

namespace tinsmith::quantize {

// `graph` is what quantize() made of `network`; `inputs` are the calibration windows, normalised.
// Changes the biases of the graph, and those of the network to the same values (so that training
// can go on from them). Without inputs nothing changes.
[[nodiscard]] Status correctBiases(nn::Graph& graph, train::FloatNetwork& network,
                                   const std::vector<std::vector<float>>& inputs);

}  // namespace tinsmith::quantize
