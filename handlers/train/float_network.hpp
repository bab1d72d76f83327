// The float32 network that the trainer hands to the quantiser: batch norm folded, dropout gone,
// logits at the end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "handlers/flow/result.hpp"

namespace tinsmith::train {

enum class Op {
    conv1d,
    max_pool,
    average_pool,
    global_average_pool,
    global_max_pool,
    flatten,
    dense
};

std::string_view opName(Op op);

// Fields that do not belong to the operator are 0. Activations are [steps][features], row-major.
struct FloatLayer {
    Op op = Op::dense;
    int filters = 0;  // conv1d: output features
    int kernel = 0;   // conv1d: SAME padding by TFLite's rule (the odd sample is padded at the end)
    int stride = 1;   // conv1d
    int size = 0;     // max_pool, average_pool: size = stride, VALID
    int units = 0;    // dense: output features; acts on one row (steps = 1)
    bool relu = false;
    std::vector<float> weights;  // conv1d [filters][kernel][in], dense [out][in]
    std::vector<float> bias;     // one an output feature
};

struct FloatNetwork {
    int steps = 0;     // of the input
    int features = 0;  // of the input
    std::vector<FloatLayer> layers;
    std::vector<float> mean;              // one a feature column of the input
    std::vector<float> inverseDeviation;  // likewise
};

struct LayerShape {
    int steps = 0;
    int features = 0;
};

// The shape that a layer makes of its input; `bad_data` if it cannot take that input or its weights
// have another size.
[[nodiscard]] Result<LayerShape> outputShape(const FloatLayer& layer, LayerShape input);

// Folder with network.json and weights.bin (float32 LE). Loading checks every size, so that
// forward() needs no checks.
[[nodiscard]] Result<FloatNetwork> load(const std::filesystem::path& folder);
[[nodiscard]] Status save(const std::filesystem::path& folder, const FloatNetwork& network);

// (x - mean) * inverse deviation, the very operations of dsp::run before it quantises.
void normalise(const FloatNetwork& network, std::span<float> features);

// Runs one normalised input; outputs[i] is what layer i yields (after ReLU), the last one the
// logits. Plain loops in double: the reference for tests and for calibration.
void forward(const FloatNetwork& network, std::span<const float> input,
             std::vector<std::vector<float>>& outputs);

}  // namespace tinsmith::train
