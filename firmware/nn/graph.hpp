// A quantised network on the host: what a `.tflite` file says, without its encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinsmith::nn {

enum class Type : std::uint8_t { int8, int32 };

// The value of a real number is scale * (stored - zeroPoint).
struct Tensor {
    std::string name;
    Type type = Type::int8;
    std::vector<std::int32_t> shape;
    std::vector<float>
        scales;  // empty = not quantised; one; or one for each index of `channelAxis`
    std::int32_t zeroPoint = 0;
    std::int32_t channelAxis = 0;
    bool constant = false;
    std::vector<std::uint8_t>
        data;  // of constants: little endian, as many bytes as shape and type say
};

enum class Op : std::uint8_t {
    add,
    averagePool2d,
    concatenation,
    conv2d,
    depthwiseConv2d,
    fullyConnected,
    logistic,
    maxPool2d,
    mean,
    multiply,
    pad,
    padV2,
    quantize,
    relu,
    relu6,
    reshape,
    softmax,
};

enum class Padding : std::uint8_t { same, valid };
enum class Activation : std::uint8_t { none, relu, relu6 };

struct Options {
    Padding padding = Padding::valid;
    Activation activation = Activation::none;
    std::int32_t strideHeight = 1, strideWidth = 1;
    std::int32_t dilationHeight = 1, dilationWidth = 1;
    std::int32_t filterHeight = 1, filterWidth = 1;  // pooling
    std::int32_t depthMultiplier = 1;
    std::int32_t axis = 0;  // concatenation
    bool keepDimensions = false;
    float beta = 1.0F;                   // softmax
    std::vector<std::int32_t> newShape;  // reshape without a shape tensor

    bool operator==(const Options&) const = default;
};

// Inputs and outputs are indices of tensors; -1 = an optional input left out.
struct Operator {
    Op op = Op::reshape;
    std::vector<std::int32_t> inputs, outputs;
    Options options;
    std::int32_t fileIndex =
        -1;  // in the file it was read from; -1 = its place in Graph::operators
};

struct Graph {
    std::vector<Tensor> tensors;
    std::vector<Operator> operators;  // in execution order
    std::vector<std::int32_t> inputs, outputs;
};

// The name of the operator in the TFLite schema, "CONV_2D" say.
std::string_view opName(Op op);

// Product of the dimensions; 1 for a scalar.
std::int64_t elementCount(const Tensor& tensor);
std::int64_t byteCount(const Tensor& tensor);

// Multiply-accumulates of convolutions and dense layers for one inference.
std::int64_t macCount(const Graph& graph);
std::int64_t macCount(const Graph& graph, const Operator& op);

// The int32 values of a constant tensor.
std::vector<std::int32_t> int32Values(const Tensor& tensor);

}  // namespace tinsmith::nn
