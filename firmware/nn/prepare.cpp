#include "firmware/nn/prepare.hpp"

#include <algorithm>
#include <cmath>

#include "firmware/nn/prepare_context.hpp"

namespace tinsmith::nn {

Expected<void> needActivation(const Tensor& tensor, const char* what) {
    const std::string name = what;
    if (tensor.type != Type::int8) return unsupported(name + " is not int8");
    if (tensor.scales.size() != 1) {
        return unsupported(name + " has " + std::to_string(tensor.scales.size()) +
                           " scales, it needs one");
    }
    if (!std::isfinite(tensor.scales[0]) || tensor.scales[0] <= 0)
        return damaged(name + " has a scale that is not positive");
    if (tensor.zeroPoint < -128 || tensor.zeroPoint > 127) {
        return damaged(name + " has zero point " + std::to_string(tensor.zeroPoint));
    }
    return {};
}

Expected<void> needSameScale(const Tensor& a, const Tensor& b) {
    if (a.scales != b.scales || a.zeroPoint != b.zeroPoint) {
        return unsupported("input and output must have one scale and zero point");
    }
    return {};
}

Expected<void> needShape(const Tensor& tensor, const std::vector<std::int32_t>& shape) {
    if (tensor.shape == shape) return {};
    std::string text;
    for (const std::int32_t dimension : shape) text += " " + std::to_string(dimension);
    return damaged("the output shape should be" + text);
}

Expected<void> needUnitOutput(const Tensor& tensor) {
    if (tensor.scales[0] != 1.0F / 256 || tensor.zeroPoint != -128) {
        return unsupported("the output needs scale 1/256 and zero point -128");
    }
    return {};
}

Range rangeOf(const Tensor& input, const Tensor& output, Activation activation) {
    const Limits limits = activationLimits(activation, output.scales[0], output.zeroPoint);
    return {-input.zeroPoint, output.zeroPoint, limits.minimum, limits.maximum};
}

namespace {

// Sound on its own: a type, dimensions that fit, constants as long as they should be.
Expected<void> checkTensor(const Tensor& tensor, std::size_t index) {
    const std::string name = "tensor " + std::to_string(index) + " ";
    std::int64_t count = 1;
    for (const std::int32_t dimension : tensor.shape) {
        if (dimension < 1 || dimension > kMaxTensorElements) {
            return damaged(name + "has dimension " + std::to_string(dimension));
        }
        count *= dimension;
        if (count > kMaxTensorElements) return unsupported(name + "is too large");
    }
    if (tensor.constant && tensor.data.size() != static_cast<std::size_t>(byteCount(tensor))) {
        return damaged(name + "has " + std::to_string(tensor.data.size()) + " bytes of data, not " +
                       std::to_string(byteCount(tensor)));
    }
    return {};
}

Expected<Call> prepareCall(const Context& c, Op op) {
    switch (op) {
        case Op::add:
            return prepareAdd(c);
        case Op::averagePool2d:
            return preparePool(c, true);
        case Op::concatenation:
            return prepareConcat(c);
        case Op::conv2d:
            return prepareConv2d(c);
        case Op::depthwiseConv2d:
            return prepareDepthwise(c);
        case Op::fullyConnected:
            return prepareDense(c);
        case Op::logistic:
            return prepareLogistic(c);
        case Op::maxPool2d:
            return preparePool(c, false);
        case Op::mean:
            return prepareMean(c);
        case Op::multiply:
            return prepareMultiply(c);
        case Op::pad:
            return preparePad(c, false);
        case Op::padV2:
            return preparePad(c, true);
        case Op::quantize:
            return prepareRescale(c);
        case Op::relu:
            return prepareClip(c, Activation::relu);
        case Op::relu6:
            return prepareClip(c, Activation::relu6);
        case Op::reshape:
            return prepareReshape(c);
        case Op::softmax:
            return prepareSoftmax(c);
    }
    return unsupported("is not known");
}

struct Arity {
    std::size_t least, most;
};

Arity arity(Op op) {
    switch (op) {
        case Op::conv2d:
        case Op::depthwiseConv2d:
        case Op::fullyConnected:
            return {2, 3};
        case Op::add:
        case Op::multiply:
        case Op::mean:
        case Op::pad:
            return {2, 2};
        case Op::padV2:
            return {3, 3};
        case Op::concatenation:
            return {1, 64};
        case Op::reshape:
            return {1, 2};
        default:
            return {1, 1};
    }
}

// How many of the inputs the kernel reads at run time; the others went into the call.
std::size_t runtimeInputs(const Operator& op) {
    if (op.op == Op::concatenation) return op.inputs.size();
    return op.op == Op::add || op.op == Op::multiply ? 2 : 1;
}

// Which tensors hold a value so far.
class Known {
  public:
    explicit Known(const Graph& graph) : graph_(graph), known_(graph.tensors.size()) {
        for (std::size_t i = 0; i < known_.size(); ++i) known_[i] = graph.tensors[i].constant;
    }

    bool valid(std::int32_t index) const {
        return index >= 0 && static_cast<std::size_t>(index) < known_.size();
    }
    bool has(std::int32_t index) const { return valid(index) && known_[index]; }

    // False where something already defined it.
    bool define(std::int32_t index) {
        if (!valid(index) || known_[index]) return false;
        elements_ += elementCount(graph_.tensors[index]);
        known_[index] = true;
        return true;
    }
    bool tooLarge() const { return elements_ > 2 * kMaxTensorElements; }

    // Several operators may name one constant, and each takes a copy into its call.
    bool mayCopy(std::int32_t index) {
        copiedBytes_ += byteCount(graph_.tensors[index]);
        return copiedBytes_ <= kMaxTensorElements;
    }

  private:
    const Graph& graph_;
    std::vector<bool> known_;
    std::int64_t elements_ = 0;
    std::int64_t copiedBytes_ = 0;
};

Expected<Step> prepareStep(const Graph& graph, std::size_t index, Known& known) {
    const Operator& op = graph.operators[index];
    const auto [least, most] = arity(op.op);
    if (op.inputs.size() < least || op.inputs.size() > most) return damaged("has the wrong inputs");
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
        const bool optional = i >= 2 && most == 3 && least == 2;  // the bias
        if (optional && op.inputs[i] == -1) continue;
        if (!known.has(op.inputs[i])) {
            return damaged("reads tensor " + std::to_string(op.inputs[i]) +
                           ", which has no value yet");
        }
    }
    if (op.outputs.size() != 1) return damaged("must have one output");
    if (!known.define(op.outputs[0])) return damaged("writes a tensor that it must not");
    if (known.tooLarge()) return unsupported("all tensors together are too large");

    Step step;
    step.op = static_cast<std::int32_t>(index);
    step.output = op.outputs[0];
    step.inputs.assign(op.inputs.begin(),
                       op.inputs.begin() + static_cast<std::ptrdiff_t>(runtimeInputs(op)));
    const Context context(graph, op);
    for (std::size_t i = 0; i < runtimeInputs(op); ++i) {
        if (auto ok = needActivation(context.input(i), "the input"); !ok) return refuse(ok.error());
    }
    if (auto ok = needActivation(context.output(), "the output"); !ok) return refuse(ok.error());
    for (std::size_t i = runtimeInputs(op); i < op.inputs.size(); ++i) {
        if (context.hasInput(i) && !known.mayCopy(op.inputs[i]))
            return unsupported("the constants of all operators together are too large");
    }
    auto call = prepareCall(context, op.op);
    if (!call) return refuse(call.error());
    step.call = std::move(*call);
    return step;
}

// "operator 3 CONV_2D: "; its place in the file where it comes from one.
std::string nameOf(const Operator& op, std::size_t index) {
    const auto shown = op.fileIndex < 0 ? static_cast<std::int32_t>(index) : op.fileIndex;
    return "operator " + std::to_string(shown) + " " + std::string(opName(op.op)) + ": ";
}

}  // namespace

std::string userOf(const Graph& graph, std::int32_t tensor) {
    for (std::size_t i = 0; i < graph.operators.size(); ++i) {
        const Operator& op = graph.operators[i];
        for (const auto* tensors : {&op.inputs, &op.outputs}) {
            if (std::find(tensors->begin(), tensors->end(), tensor) != tensors->end())
                return nameOf(op, i);
        }
    }
    return "";
}

std::expected<std::vector<Step>, Refusal> prepare(const Graph& graph) {
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        if (auto ok = checkTensor(graph.tensors[i], i); !ok) {
            const std::string user = userOf(graph, static_cast<std::int32_t>(i));
            return refuse({user + ok.error().message, ok.error().damaged});
        }
    }
    Known known(graph);
    for (const std::int32_t index : graph.inputs) {
        if (!known.define(index)) return damaged("the graph has an impossible input");
        if (known.tooLarge()) return unsupported("the graph's inputs are too large");
        if (auto ok = needActivation(graph.tensors[index], "the graph's input"); !ok) {
            return refuse(ok.error());
        }
    }
    std::vector<Step> steps;
    for (std::size_t i = 0; i < graph.operators.size(); ++i) {
        auto step = prepareStep(graph, i, known);
        if (!step) {
            return refuse(
                {nameOf(graph.operators[i], i) + step.error().message, step.error().damaged});
        }
        steps.push_back(std::move(*step));
    }
    if (graph.inputs.empty() || graph.outputs.empty()) return damaged("no inputs or no outputs");
    for (const std::int32_t index : graph.outputs) {
        if (!known.has(index) || graph.tensors[index].constant) {
            return damaged("the graph's output " + std::to_string(index) + " is never computed");
        }
    }
    return steps;
}

}  // namespace tinsmith::nn
