// The scales that the TFLite 8-bit quantisation specification lets us choose, and our choice of
// them: the quantiser and the trainer's fake quantisation must make the same one.
#pragma once

#include <cstdint>
#include <vector>

#include "handlers/flow/json.hpp"
#include "handlers/flow/result.hpp"
#include "handlers/train/float_network.hpp"

namespace tinsmith::train {

// What an activation may hold; always contains 0.
struct ValueRange {
    float minimum = 0;
    float maximum = 0;
    void take(float value);
};

// The ranges of a network's activations.
struct Ranges {
    ValueRange input;
    std::vector<ValueRange> layers;  // output of each layer, after ReLU
};

// {"input":[minimum,maximum],"layers":[[minimum,maximum],…]}, exact both ways. `schema` with the
// path where it is not that.
Json toJson(const Ranges& ranges);
[[nodiscard]] Result<Ranges> rangesFrom(const Json& json);

// Asymmetric: the range in 255 steps.
struct ActivationScale {
    float scale;
    std::int32_t zeroPoint;
};
ActivationScale activationScale(const ValueRange& range);

// Symmetric, for a layer with weights: one for each output channel of a convolution, or one for
// all; dense layers have one always, the form that every TFLite runtime executes. Each is large
// enough for the channel's weights, and for its bias to stay far from the end of int32.
std::vector<float> weightScales(const FloatLayer& layer, float inputScale, bool perChannel);

}  // namespace tinsmith::train
