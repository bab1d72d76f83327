#include "firmware/nn/graph.hpp"

namespace tinsmith::nn {

std::string_view opName(Op op) {
    switch (op) {
        case Op::add:
            return "ADD";
        case Op::averagePool2d:
            return "AVERAGE_POOL_2D";
        case Op::concatenation:
            return "CONCATENATION";
        case Op::conv2d:
            return "CONV_2D";
        case Op::depthwiseConv2d:
            return "DEPTHWISE_CONV_2D";
        case Op::fullyConnected:
            return "FULLY_CONNECTED";
        case Op::logistic:
            return "LOGISTIC";
        case Op::maxPool2d:
            return "MAX_POOL_2D";
        case Op::mean:
            return "MEAN";
        case Op::multiply:
            return "MUL";
        case Op::pad:
            return "PAD";
        case Op::padV2:
            return "PADV2";
        case Op::quantize:
            return "QUANTIZE";
        case Op::relu:
            return "RELU";
        case Op::relu6:
            return "RELU6";
        case Op::reshape:
            return "RESHAPE";
        case Op::softmax:
            return "SOFTMAX";
    }
    return "?";
}

std::int64_t elementCount(const Tensor& tensor) {
    std::int64_t count = 1;
    for (const std::int32_t dimension : tensor.shape) count *= dimension;
    return count;
}

std::int64_t byteCount(const Tensor& tensor) {
    return elementCount(tensor) * (tensor.type == Type::int32 ? 4 : 1);
}

std::int64_t macCount(const Graph& graph, const Operator& op) {
    const auto tensor = [&](std::int32_t index) -> const Tensor& { return graph.tensors[index]; };
    switch (op.op) {
        case Op::conv2d: {
            const auto& filter = tensor(op.inputs[1]);
            return elementCount(tensor(op.outputs[0])) * elementCount(filter) / filter.shape[0];
        }
        case Op::depthwiseConv2d: {
            const auto& filter = tensor(op.inputs[1]);
            return elementCount(tensor(op.outputs[0])) * filter.shape[1] * filter.shape[2];
        }
        case Op::fullyConnected:
            return elementCount(tensor(op.outputs[0])) * tensor(op.inputs[1]).shape[1];
        default:
            return 0;
    }
}

std::int64_t macCount(const Graph& graph) {
    std::int64_t sum = 0;
    for (const Operator& op : graph.operators) sum += macCount(graph, op);
    return sum;
}

std::vector<std::int32_t> int32Values(const Tensor& tensor) {
    std::vector<std::int32_t> values(tensor.data.size() / 4);
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint32_t value = 0;
        for (std::size_t b = 0; b < 4; ++b) {
            value |= static_cast<std::uint32_t>(tensor.data[4 * i + b]) << (8 * b);
        }
        values[i] = static_cast<std::int32_t>(value);
    }
    return values;
}

}  // namespace tinsmith::nn
