#include "handlers/build/infer_source.hpp"

#include <algorithm>
#include <initializer_list>
#include <numeric>

#include "firmware/nn/prepare.hpp"
#include "handlers/build/memory_plan.hpp"
#include "handlers/build/source_text.hpp"

namespace tinsmith::build {

namespace {

std::string braces(std::initializer_list<std::int64_t> values) {
    std::string text = "{";
    for (const std::int64_t value : values)
        text += (text.size() > 1 ? ", " : "") + std::to_string(value);
    return text + "}";
}

std::string braces4(const std::int32_t (&v)[4]) {
    return braces({v[0], v[1], v[2], v[3]});
}

std::string text(const nn::Window2d& w) {
    return braces({w.batches, w.inHeight, w.inWidth, w.inChannels, w.outHeight, w.outWidth,
                   w.outChannels, w.kernelHeight, w.kernelWidth, w.strideHeight, w.strideWidth,
                   w.dilationHeight, w.dilationWidth, w.padTop, w.padLeft});
}

std::string text(const nn::Range& r) {
    return braces({r.inputOffset, r.outputOffset, r.minimum, r.maximum});
}

std::string text(const nn::Broadcast& b) {
    return "{" + braces4(b.dimensions) + ", " + braces4(b.leftStrides) + ", " +
           braces4(b.rightStrides) + "}";
}

// Where a tensor is at run time, as an expression.
using Places = std::vector<std::string>;

// A reshape of something computed is the same bytes under another name: no copy, no memory of its
// own.
bool isAlias(const nn::Graph& graph, const nn::Step& step) {
    const nn::Operator& op = graph.operators[static_cast<std::size_t>(step.op)];
    return op.op == nn::Op::reshape && step.output != graph.outputs[0] &&
           !graph.tensors[static_cast<std::size_t>(step.inputs[0])].constant;
}

// Writes constants and call of one step.
class Emitter {
  public:
    Emitter(const nn::Step& step, const Places& places)
        : step_(step), places_(places), id_(std::to_string(step.op)) {}

    std::string constants;
    std::string calls;
    std::int64_t bytes = 0;

    void operator()(const nn::Conv2dCall& c) { window("conv2d", c, c.window); }
    void operator()(const nn::DepthwiseCall& c) { window("depthwiseConv2d", c, c.window); }
    void operator()(const nn::DenseCall& c) {
        constants += "constexpr nn::Dense kShape" + id_ + " = " +
                     braces({c.shape.rows, c.shape.inputs, c.shape.outputs}) + ";\n";
        weighted(c);
        call("fullyConnected",
             {"kShape" + id_, "kRange" + id_, "kChannels" + id_, "kWeights" + id_, in(0)});
    }
    void operator()(const nn::PoolCall& c) {
        shape("Window2d", text(c.window));
        range(c.range);
        call(c.average ? "averagePool2d" : "maxPool2d", {"kShape" + id_, "kRange" + id_, in(0)});
    }
    void operator()(const nn::Mean& c) {
        unary("Mean", "mean",
              braces({c.outer, c.count, c.inner, c.inputZeroPoint, c.outputZeroPoint, c.multiplier,
                      c.shift}));
    }
    void operator()(const nn::Softmax& c) {
        unary("Softmax", "softmax",
              braces({c.rows, c.depth, c.multiplier, c.leftShift, c.smallestDifference}));
    }
    void operator()(const nn::Logistic& c) {
        unary("Logistic", "logistic",
              braces({c.count, c.inputZeroPoint, c.radius, c.multiplier, c.shift}));
    }
    void operator()(const nn::Add& c) {
        const std::string middle =
            braces({c.leftOffset, c.rightOffset, c.leftMultiplier, c.leftShift, c.rightMultiplier,
                    c.rightShift, c.outputMultiplier, c.outputShift});
        shape("Add", "{" + text(c.shape) + ", " + middle.substr(1, middle.size() - 2) + ", " +
                         text(c.range) + "}");
        call("add", {"kShape" + id_, in(0), in(1)});
    }
    void operator()(const nn::Multiply& c) {
        const std::string middle = braces({c.leftOffset, c.rightOffset, c.multiplier, c.shift});
        shape("Multiply", "{" + text(c.shape) + ", " + middle.substr(1, middle.size() - 2) + ", " +
                              text(c.range) + "}");
        call("multiply", {"kShape" + id_, in(0), in(1)});
    }
    void operator()(const nn::Clip& c) {
        unary("Clip", "clip", braces({c.count, c.minimum, c.maximum}));
    }
    void operator()(const nn::Rescale& c) {
        unary("Rescale", "rescale",
              braces({c.count, c.inputOffset, c.outputOffset, c.multiplier, c.shift}));
    }
    void operator()(const nn::Pad& c) {
        unary("Pad", "pad",
              "{" + braces4(c.inDimensions) + ", " + braces4(c.outDimensions) + ", " +
                  braces4(c.before) + ", " + std::to_string(c.value) + "}");
    }
    void operator()(const nn::CopyRows& c) {
        unary("CopyRows", "copyRows", braces({c.rows, c.bytes, c.outputStride}));
    }
    void operator()(const nn::ConcatCall& c) {
        for (std::size_t i = 0; i < c.parts.size(); ++i) {
            const std::string name = "kShape" + id_ + "_" + std::to_string(i);
            constants += "constexpr nn::CopyRows " + name + " = " +
                         braces({c.parts[i].rows, c.parts[i].bytes, c.parts[i].outputStride}) +
                         ";\n";
            calls += "    nn::copyRows(" + name + ", " + in(i) + ", " + out() + " + " +
                     std::to_string(c.offsets[i]) + ");\n";
        }
    }

  private:
    std::string in(std::size_t i) const {
        return places_[static_cast<std::size_t>(step_.inputs[i])];
    }
    std::string out() const { return places_[static_cast<std::size_t>(step_.output)]; }

    void shape(const std::string& type, const std::string& value) {
        constants += "constexpr nn::" + type + " kShape" + id_ + " = " + value + ";\n";
    }
    void range(const nn::Range& value) {
        constants += "constexpr nn::Range kRange" + id_ + " = " + text(value) + ";\n";
    }

    void call(const std::string& kernel, std::initializer_list<std::string> arguments) {
        calls += "    nn::" + kernel + "(";
        for (const std::string& argument : arguments) calls += argument + ", ";
        calls += out() + ");\n";
    }

    void unary(const std::string& type, const std::string& kernel, const std::string& value) {
        shape(type, value);
        call(kernel, {"kShape" + id_, in(0)});
    }

    void weighted(const nn::Weighted& w) {
        range(w.range);
        constants += arrayOf("std::int8_t", "kWeights" + id_, std::span(w.weights));
        if (!w.bias.empty()) constants += arrayOf("std::int32_t", "kBias" + id_, std::span(w.bias));
        constants += arrayOf("std::int32_t", "kMultipliers" + id_, std::span(w.multipliers));
        constants += arrayOf("std::int8_t", "kShifts" + id_, std::span(w.shifts));
        constants += "constexpr nn::PerChannel kChannels" + id_ + " = {" +
                     (w.bias.empty() ? std::string("nullptr") : "kBias" + id_) + ", kMultipliers" +
                     id_ + ", kShifts" + id_ + "};\n";
        bytes += static_cast<std::int64_t>(w.weights.size() + 4 * w.bias.size() +
                                           5 * w.multipliers.size());
    }

    void window(const std::string& kernel, const nn::Weighted& w, const nn::Window2d& size) {
        shape("Window2d", text(size));
        weighted(w);
        call(kernel, {"kShape" + id_, "kRange" + id_, "kChannels" + id_, "kWeights" + id_, in(0)});
    }

    const nn::Step& step_;
    const Places& places_;
    std::string id_;
};

// Which tensors share memory, how long each such group lives, and where it lies.
class Layout {
  public:
    Layout(const nn::Graph& graph, const std::vector<nn::Step>& steps)
        : graph_(graph), root_(graph.tensors.size()) {
        std::iota(root_.begin(), root_.end(), 0);
        for (const nn::Step& step : steps) {
            if (isAlias(graph, step)) root_[index(step.output)] = root_[index(step.inputs[0])];
        }
        const std::int32_t end = static_cast<std::int32_t>(steps.size());
        std::vector<std::int32_t> slot(graph.tensors.size(), -1);
        const auto touch = [&](std::int32_t tensor, std::int32_t when) {
            const std::int32_t root = root_[index(tensor)];
            if (graph.tensors[index(root)].constant || root == graph.outputs[0]) return;
            auto& at = slot[index(root)];
            if (at < 0) {
                at = static_cast<std::int32_t>(lifetimes_.size());
                lifetimes_.push_back({nn::byteCount(graph.tensors[index(root)]), when, when});
            }
            lifetimes_[index(at)].last = when;
        };
        touch(graph.inputs[0], 0);
        for (std::int32_t i = 0; i < end; ++i) {
            for (const std::int32_t tensor : steps[index(i)].inputs) touch(tensor, i);
            touch(steps[index(i)].output, i);
        }
        plan_ = planMemory(lifetimes_);
        slot_ = std::move(slot);
    }

    std::int64_t bytes() const { return plan_.bytes; }
    std::int64_t offset(std::int32_t tensor) const {
        const std::int32_t slot = slot_[index(root_[index(tensor)])];
        return slot < 0 ? -1 : plan_.offsets[index(slot)];
    }

    Places places() const {
        Places result(graph_.tensors.size());
        for (std::size_t i = 0; i < result.size(); ++i) {
            const std::int32_t root = root_[i];
            if (root == graph_.inputs[0])
                result[i] = "input";
            else if (root == graph_.outputs[0])
                result[i] = "output";
            else if (graph_.tensors[index(root)].constant)
                result[i] = "kTensor" + std::to_string(root);
            else if (const std::int64_t at = offset(root); at >= 0)
                result[i] = "arena + " + std::to_string(at);
        }
        return result;
    }

  private:
    static std::size_t index(std::int32_t value) { return static_cast<std::size_t>(value); }

    const nn::Graph& graph_;
    std::vector<std::int32_t> root_, slot_;
    std::vector<Lifetime> lifetimes_;
    MemoryPlan plan_;
};

}  // namespace

Result<InferSource> inferSource(const nn::Graph& graph) {
    auto steps = nn::prepare(graph);
    if (!steps) return fail(Code::bad_data, steps.error());
    if (graph.inputs.size() != 1 || graph.outputs.size() != 1 ||
        graph.inputs[0] == graph.outputs[0]) {
        return fail(Code::unsupported, "the network must have one input and one output");
    }
    const auto reads = [&](const nn::Step& step) {
        return std::count(step.inputs.begin(), step.inputs.end(), graph.outputs[0]) > 0;
    };
    if (std::any_of(steps->begin(), steps->end(), reads)) {
        return fail(Code::unsupported, "the network's output is an input of another operator");
    }
    const Layout layout(graph, *steps);
    const Places places = layout.places();
    InferSource result;
    result.arenaBytes = layout.bytes();
    result.inputOffset = layout.offset(graph.inputs[0]);
    result.operators = Json::array();

    std::string calls;
    std::vector<bool> written(graph.tensors.size());
    for (const nn::Step& step : *steps) {
        for (const std::int32_t input : step.inputs) {  // constant operands of ADD and MUL
            const auto at = static_cast<std::size_t>(input);
            const nn::Tensor& tensor = graph.tensors[at];
            if (!tensor.constant || written[at]) continue;
            const std::vector<std::int8_t> values(tensor.data.begin(), tensor.data.end());
            result.text += arrayOf("std::int8_t", places[at], std::span(values));
            result.constantBytes += static_cast<std::int64_t>(values.size());
            written[at] = true;
        }
        const nn::Operator& op = graph.operators[static_cast<std::size_t>(step.op)];
        const std::int64_t offset = layout.offset(step.output);
        result.operators.push_back(
            {{"index", step.op},
             {"op", nn::opName(op.op)},
             {"macs", nn::macCount(graph, op)},
             {"offset", offset < 0 ? Json() : Json(offset)},
             {"bytes", nn::byteCount(graph.tensors[static_cast<std::size_t>(step.output)])}});
        if (isAlias(graph, step)) continue;
        Emitter emitter(step, places);
        std::visit(emitter, step.call);
        result.text += emitter.constants;
        result.constantBytes += emitter.bytes;
        calls += emitter.calls;
    }
    result.text += "\nalignas(8) std::int8_t arena[" + std::to_string(result.arenaBytes) +
                   "];\n\n" + "void infer(const std::int8_t* input, std::int8_t* output) {\n" +
                   calls + "}\n";
    return result;
}

}  // namespace tinsmith::build
