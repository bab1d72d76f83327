// What the preparation of each kind of operator needs; private to firmware/nn/prepare*.cpp.
#pragma once

#include <expected>
#include <string>

#include "firmware/nn/prepare.hpp"

namespace tinsmith::nn {

template <class T>
using Expected = std::expected<T, Refusal>;

inline std::unexpected<Refusal> unsupported(std::string message) {
    return std::unexpected(Refusal{std::move(message), false});
}
inline std::unexpected<Refusal> damaged(std::string message) {
    return std::unexpected(Refusal{std::move(message), true});
}
inline std::unexpected<Refusal> refuse(Refusal refusal) {
    return std::unexpected(std::move(refusal));
}

class Context {
  public:
    Context(const Graph& graph, const Operator& op) : graph_(graph), op_(op) {}

    const Options& options() const { return op_.options; }
    std::size_t inputCount() const { return op_.inputs.size(); }
    bool hasInput(std::size_t i) const { return i < op_.inputs.size() && op_.inputs[i] >= 0; }
    const Tensor& input(std::size_t i) const { return graph_.tensors[op_.inputs[i]]; }
    const Tensor& output() const { return graph_.tensors[op_.outputs[0]]; }

  private:
    const Graph& graph_;
    const Operator& op_;
};

// Activations are int8 with one positive, finite scale.
Expected<void> needActivation(const Tensor& tensor, const char* what);
Expected<void> needSameScale(const Tensor& a, const Tensor& b);
Expected<void> needShape(const Tensor& tensor, const std::vector<std::int32_t>& shape);
// Scale 1/256 and zero point -128.
Expected<void> needUnitOutput(const Tensor& tensor);

Range rangeOf(const Tensor& input, const Tensor& output, Activation activation);

// Reads sizes, strides, dilation and padding; `kernelHeight` and `kernelWidth` given, output shape
// checked.
Expected<Window2d> slide(const Context& c, std::int32_t kernelHeight, std::int32_t kernelWidth,
                         std::int32_t outChannels);

Expected<Call> prepareConv2d(const Context& c);
Expected<Call> prepareDepthwise(const Context& c);
Expected<Call> prepareDense(const Context& c);
Expected<Call> preparePool(const Context& c, bool average);
Expected<Call> prepareMean(const Context& c);
Expected<Call> prepareSoftmax(const Context& c);
Expected<Call> prepareLogistic(const Context& c);
Expected<Call> prepareAdd(const Context& c);
Expected<Call> prepareMultiply(const Context& c);
Expected<Call> prepareClip(const Context& c, Activation activation);
Expected<Call> prepareRescale(const Context& c);
Expected<Call> preparePad(const Context& c, bool withValue);
Expected<Call> prepareReshape(const Context& c);
Expected<Call> prepareConcat(const Context& c);

}  // namespace tinsmith::nn
