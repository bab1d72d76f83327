// Steps with the portable kernels of firmware/nn/kernels.hpp.
#include <variant>

#include "handlers/build/source_text.hpp"
#include "handlers/build/step_source.hpp"

namespace tinsmith::build {

namespace {

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

// Writes constants and call of one step.
class PortableEmitter {
  public:
    explicit PortableEmitter(const nn::Step& step) : id_(std::to_string(step.op)) {}

    StepSource source;

    void operator()(const nn::Conv2dCall& c) { window("conv2d", c, c.window); }
    void operator()(const nn::DepthwiseCall& c) { window("depthwiseConv2d", c, c.window); }
    void operator()(const nn::DenseCall& c) {
        source.constants += "constexpr nn::Dense kShape" + id_ + " = " +
                            braces({c.shape.rows, c.shape.inputs, c.shape.outputs}) + ";\n";
        weighted(c);
        call("fullyConnected",
             {"kShape" + id_, "kRange" + id_, "kChannels" + id_, "kWeights" + id_, "@0"});
    }
    void operator()(const nn::PoolCall& c) {
        shape("Window2d", text(c.window));
        range(c.range);
        call(c.average ? "averagePool2d" : "maxPool2d", {"kShape" + id_, "kRange" + id_, "@0"});
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
        source.outputFrom = 0;  // may run in place
        unary("Logistic", "logistic",
              braces({c.count, c.inputZeroPoint, c.radius, c.multiplier, c.shift}));
    }
    void operator()(const nn::Add& c) {
        const std::string middle =
            braces({c.leftOffset, c.rightOffset, c.leftMultiplier, c.leftShift, c.rightMultiplier,
                    c.rightShift, c.outputMultiplier, c.outputShift});
        shape("Add", "{" + text(c.shape) + ", " + middle.substr(1, middle.size() - 2) + ", " +
                         text(c.range) + "}");
        call("add", {"kShape" + id_, "@0", "@1"});
    }
    void operator()(const nn::Multiply& c) {
        const std::string middle = braces({c.leftOffset, c.rightOffset, c.multiplier, c.shift});
        shape("Multiply", "{" + text(c.shape) + ", " + middle.substr(1, middle.size() - 2) + ", " +
                              text(c.range) + "}");
        call("multiply", {"kShape" + id_, "@0", "@1"});
    }
    void operator()(const nn::Clip& c) {
        source.outputFrom = 0;  // may run in place
        unary("Clip", "clip", braces({c.count, c.minimum, c.maximum}));
    }
    void operator()(const nn::Rescale& c) {
        source.outputFrom = 0;  // may run in place
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
        source.kernel = "copyRows";
        for (std::size_t i = 0; i < c.parts.size(); ++i) {
            const std::string name = "kShape" + id_ + "_" + std::to_string(i);
            source.constants +=
                "constexpr nn::CopyRows " + name + " = " +
                braces({c.parts[i].rows, c.parts[i].bytes, c.parts[i].outputStride}) + ";\n";
            source.call += "    nn::copyRows(" + name + ", " + "@" + std::to_string(i) + ", " +
                           std::string("@out") + " + " + std::to_string(c.offsets[i]) + ");\n";
        }
    }

  private:
    void shape(const std::string& type, const std::string& value) {
        source.constants += "constexpr nn::" + type + " kShape" + id_ + " = " + value + ";\n";
    }
    void range(const nn::Range& value) {
        source.constants += "constexpr nn::Range kRange" + id_ + " = " + text(value) + ";\n";
    }

    void call(const std::string& kernel, std::initializer_list<std::string> arguments) {
        source.kernel = kernel;
        source.call += "    nn::" + kernel + "(";
        for (const std::string& argument : arguments) source.call += argument + ", ";
        source.call += std::string("@out") + ");\n";
    }

    void unary(const std::string& type, const std::string& kernel, const std::string& value) {
        shape(type, value);
        call(kernel, {"kShape" + id_, "@0"});
    }

    void weighted(const nn::Weighted& w) {
        range(w.range);
        source.constants += arrayOf("std::int8_t", "kWeights" + id_, std::span(w.weights));
        if (!w.bias.empty())
            source.constants += arrayOf("std::int32_t", "kBias" + id_, std::span(w.bias));
        source.constants += arrayOf("std::int32_t", "kMultipliers" + id_, std::span(w.multipliers));
        source.constants += arrayOf("std::int8_t", "kShifts" + id_, std::span(w.shifts));
        source.constants += "constexpr nn::PerChannel kChannels" + id_ + " = {" +
                            (w.bias.empty() ? std::string("nullptr") : "kBias" + id_) +
                            ", kMultipliers" + id_ + ", kShifts" + id_ + "};\n";
        source.bytes += static_cast<std::int64_t>(w.weights.size() + 4 * w.bias.size() +
                                                  5 * w.multipliers.size());
    }

    void window(const std::string& kernel, const nn::Weighted& w, const nn::Window2d& size) {
        shape("Window2d", text(size));
        weighted(w);
        call(kernel, {"kShape" + id_, "kRange" + id_, "kChannels" + id_, "kWeights" + id_, "@0"});
    }

    std::string id_;
};

}  // namespace

std::string braces(std::initializer_list<std::int64_t> values) {
    std::string text = "{";
    for (const std::int64_t value : values)
        text += (text.size() > 1 ? ", " : "") + std::to_string(value);
    return text + "}";
}

std::string placed(const StepSource& step, const std::vector<std::string>& inputs,
                   const std::string& output, const std::string& scratch) {
    std::string text;
    for (std::size_t i = 0; i < step.call.size(); ++i) {
        if (step.call[i] != '@') {
            text += step.call[i];
            continue;
        }
        const std::string_view rest = std::string_view(step.call).substr(i + 1);
        if (rest.starts_with("out")) {
            text += output;
            i += 3;
        } else if (rest.starts_with("scratch")) {
            text += scratch;
            i += 7;
        } else {
            std::size_t digits = 0;
            const std::size_t input = std::stoul(std::string(rest.substr(0, 4)), &digits);
            text += inputs.at(input);
            i += digits;
        }
    }
    return text;
}

StepSource portableSource(const nn::Step& step) {
    PortableEmitter emitter(step);
    std::visit(emitter, step.call);
    return emitter.source;
}

}  // namespace tinsmith::build
