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
    image,
    conv2d,
    depthwise_conv2d,
    max_pool,
    average_pool,
    global_average_pool,
    global_max_pool,
    flatten,
    dense
};

std::string_view opName(Op op);

// Fields that do not belong to the operator are 0 (strides and columns 1). Activations are
// [rows][columns][channels]; features come as [steps][1][features]. Convolutions have SAME padding
// by TFLite's rule: the odd row or column is padded at the end.
struct FloatLayer {
    Op op = Op::dense;
    int filters = 0;  // conv1d, conv2d: output channels
    int kernel = 0;   // rows
    int kernelColumns = 1;
    int stride = 1;  // rows
    int strideColumns = 1;
    int channels =
        0;          // image: [steps][1][features] is read as [steps][features/channels][channels]
    int size = 0;   // max_pool, average_pool: size = stride, VALID; rows, and columns of an image
    int units = 0;  // dense: output features; acts on one row
    bool relu = false;
    // conv1d [filters][kernel][in], conv2d [filters][kernel rows][kernel columns][in],
    // depthwise_conv2d [channels][kernel rows][kernel columns], dense [out][in]
    std::vector<float> weights;
    std::vector<float> bias;  // one an output channel
};

struct FloatNetwork {
    int steps = 0;     // of the input
    int features = 0;  // of the input
    std::vector<FloatLayer> layers;
    std::vector<float> mean;              // one a feature column of the input
    std::vector<float> inverseDeviation;  // likewise
};

struct LayerShape {
    int rows = 0;
    int columns = 1;
    int channels = 0;
    bool image = false;  // pools act on columns too

    [[nodiscard]] std::size_t values() const {
        return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) *
               static_cast<std::size_t>(channels);
    }
};

// The shape that a layer makes of its input; `bad_data` if it cannot take that input or its weights
// have another size.
[[nodiscard]] Result<LayerShape> outputShape(const FloatLayer& layer, LayerShape input);

// The shape of the network's input.
[[nodiscard]] LayerShape inputShape(const FloatNetwork& network);

// Folder with network.json and weights.bin (float32 LE). Loading checks every size, so that
// forward() needs no checks.
[[nodiscard]] Result<FloatNetwork> load(const std::filesystem::path& folder);
[[nodiscard]] Status save(const std::filesystem::path& folder, const FloatNetwork& network);

// (x - mean) * inverse deviation, the very operations of dsp::run before it quantises.
void normalise(const FloatNetwork& network, std::span<float> features);

// Runs one normalised input; outputs[i] is what layer i yields (after ReLU), the last one the
// logits. Sums in double: the reference for tests and for calibration.
void forward(const FloatNetwork& network, std::span<const float> input,
             std::vector<std::vector<float>>& outputs);

}  // namespace tinsmith::train
