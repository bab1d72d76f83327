// Networks of one operator, written down tensor by tensor.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "firmware/nn/graph.hpp"

namespace tinsmith::test {

using Shape = std::vector<std::int32_t>;
using Change = std::function<void(nn::Operator&)>;

inline nn::Tensor activation(Shape shape, float scale = 0.1F, std::int32_t zeroPoint = -4) {
    nn::Tensor tensor;
    tensor.shape = std::move(shape);
    tensor.scales = {scale};
    tensor.zeroPoint = zeroPoint;
    return tensor;
}

inline nn::Tensor probabilities(Shape shape) {
    return activation(std::move(shape), 1.0F / 256, -128);
}

inline nn::Tensor integers(Shape shape, const std::vector<std::int32_t>& values) {
    nn::Tensor tensor;
    tensor.type = nn::Type::int32;
    tensor.shape = std::move(shape);
    tensor.constant = true;
    for (const std::int32_t value : values) {
        for (int byte = 0; byte < 4; ++byte)
            tensor.data.push_back(static_cast<std::uint8_t>(value >> (8 * byte)));
    }
    return tensor;
}

// Tensors in the order input, further operands, output.
inline nn::Graph single(nn::Op op, std::vector<nn::Tensor> tensors, const Change& change = {}) {
    nn::Graph graph;
    nn::Operator made;
    made.op = op;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const auto index = static_cast<std::int32_t>(i);
        if (i + 1 == tensors.size()) {
            made.outputs = {index};
            graph.outputs = {index};
        } else {
            made.inputs.push_back(index);
            if (!tensors[i].constant) graph.inputs.push_back(index);
        }
    }
    if (change) change(made);
    graph.tensors = std::move(tensors);
    graph.operators = {made};
    return graph;
}

}  // namespace tinsmith::test
