// From a graph to kernel calls: shapes checked, multipliers, shifts and clamps computed as
// TensorFlow Lite Micro does. Both the host runner and the code generator start from here, so the
// microcontroller computes what the host computed.
#pragma once

#include <expected>
#include <string>
#include <variant>
#include <vector>

#include "firmware/nn/graph.hpp"
#include "firmware/nn/kernels.hpp"

namespace tinsmith::nn {

// Convolution or dense layer with its constants owned.
struct Weighted {
    std::vector<std::int8_t> weights;
    std::vector<std::int32_t> bias;  // empty = zeros
    std::vector<std::int32_t> multipliers;
    std::vector<std::int8_t> shifts;
    Range range{};
};
struct Conv2dCall : Weighted {
    Window2d window{};
};
struct DepthwiseCall : Weighted {
    Window2d window{};
};
struct DenseCall : Weighted {
    Dense shape{};
};
struct PoolCall {
    bool average = false;
    Window2d window{};
    Range range{};
};
// Each input of a concatenation goes to its own place in the output.
struct ConcatCall {
    std::vector<CopyRows> parts;
    std::vector<std::int32_t> offsets;  // bytes into the output
};

using Call = std::variant<Conv2dCall, DepthwiseCall, DenseCall, PoolCall, Mean, Softmax, Logistic,
                          Add, Multiply, Clip, Rescale, Pad, CopyRows, ConcatCall>;

// One operator ready to run. `inputs` are the tensors read at run time, in the kernel's order;
// constants among them (of ADD, MUL) too; the weights of a layer are inside the call.
struct Step {
    std::int32_t op = 0;  // index into Graph::operators
    std::vector<std::int32_t> inputs;
    std::int32_t output = 0;
    Call call;
};

inline constexpr std::int64_t kMaxTensorElements = std::int64_t{1} << 26;

// Why a graph is refused. Damaged: it contradicts itself, no runtime could run it. Else it asks for
// what our kernels cannot do exactly. The message names operator and index: "operator 3 CONV_2D:
// …".
struct Refusal {
    std::string message;
    bool damaged = false;
};

// What comes back touches no memory outside the tensors.
[[nodiscard]] std::expected<std::vector<Step>, Refusal> prepare(const Graph& graph);

// "operator 3 CONV_2D: " of the first one that reads or writes a tensor; empty where none does.
[[nodiscard]] std::string userOf(const Graph& graph, std::int32_t tensor);

// real > 0 as multiplier / 2^31 * 2^shift, rounded to nearest; {0, 0} where it is below 2^-32.
struct Scaled {
    std::int32_t multiplier, shift;
};
Scaled quantizeMultiplier(double real);

// Smallest and largest int8 that a fused activation leaves.
struct Limits {
    std::int32_t minimum, maximum;
};
Limits activationLimits(Activation activation, float scale, std::int32_t zeroPoint);

}  // namespace tinsmith::nn
