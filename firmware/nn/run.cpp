#include "firmware/nn/run.hpp"

#include <algorithm>
#include <cstring>

namespace tinsmith::nn {

namespace {

PerChannel perChannel(const Weighted& call) {
    return {call.bias.empty() ? nullptr : call.bias.data(), call.multipliers.data(),
            call.shifts.data()};
}

// Calls the kernel that a step stands for.
struct Execute {
    std::span<const std::int8_t* const> in;
    std::int8_t* out;

    void operator()(const Conv2dCall& c) const {
        conv2d(c.window, c.range, perChannel(c), c.weights.data(), in[0], out);
    }
    void operator()(const DepthwiseCall& c) const {
        depthwiseConv2d(c.window, c.range, perChannel(c), c.weights.data(), in[0], out);
    }
    void operator()(const DenseCall& c) const {
        fullyConnected(c.shape, c.range, perChannel(c), c.weights.data(), in[0], out);
    }
    void operator()(const PoolCall& c) const {
        if (c.average)
            averagePool2d(c.window, c.range, in[0], out);
        else
            maxPool2d(c.window, c.range, in[0], out);
    }
    void operator()(const Mean& c) const { mean(c, in[0], out); }
    void operator()(const Softmax& c) const { softmax(c, in[0], out); }
    void operator()(const Logistic& c) const { logistic(c, in[0], out); }
    void operator()(const Add& c) const { add(c, in[0], in[1], out); }
    void operator()(const Multiply& c) const { multiply(c, in[0], in[1], out); }
    void operator()(const Clip& c) const { clip(c, in[0], out); }
    void operator()(const Rescale& c) const { rescale(c, in[0], out); }
    void operator()(const Pad& c) const { pad(c, in[0], out); }
    void operator()(const CopyRows& c) const { copyRows(c, in[0], out); }
    void operator()(const ConcatCall& c) const {
        for (std::size_t i = 0; i < c.parts.size(); ++i) {
            copyRows(c.parts[i], in[i], out + c.offsets[i]);
        }
    }
};

}  // namespace

std::expected<Runner, std::string> Runner::create(const Graph& graph, Kernels kernels) {
    auto steps = prepare(graph);
    if (!steps) return std::unexpected(steps.error().message);
    Runner runner;
    runner.inputs_ = graph.inputs;
    runner.outputs_ = graph.outputs;
    runner.tensors_.resize(graph.tensors.size());
    // Memory only for what the kernels touch: a file may declare tensors that nothing uses.
    const auto allocate = [&](std::int32_t index) -> std::size_t {
        const Tensor& tensor = graph.tensors[index];
        auto& bytes = runner.tensors_[index];
        if (!bytes.empty()) return bytes.size();  // of an earlier step; its place must stay
        bytes.resize(static_cast<std::size_t>(byteCount(tensor)));
        if (tensor.constant) std::memcpy(bytes.data(), tensor.data.data(), bytes.size());
        return bytes.size();
    };
    for (const std::int32_t index : graph.inputs) runner.inputBytes_ += allocate(index);
    for (Step& step : *steps) {
        Bound bound;
        for (const std::int32_t index : step.inputs) {
            allocate(index);
            bound.inputs.push_back(runner.tensors_[index].data());
        }
        allocate(step.output);
        bound.output = step.output;
        if (kernels == Kernels::fast) bound.fast = host::pack(step.call);
        // A fast kernel has its own copy of weights.
        if (bound.fast == nullptr) bound.call = std::move(step.call);
        runner.steps_.push_back(std::move(bound));
    }
    for (const std::int32_t index : graph.outputs) runner.outputBytes_ += allocate(index);
    return runner;
}

std::expected<std::vector<std::int8_t>, std::string> Runner::run(
    std::span<const std::int8_t> inputs) {
    if (inputs.size() != inputBytes_) {
        return std::unexpected("the network takes " + std::to_string(inputBytes_) +
                               " input bytes, not " + std::to_string(inputs.size()));
    }
    for (const std::int32_t index : inputs_) {
        auto& bytes = tensors_[index];
        std::copy_n(inputs.begin(), bytes.size(), bytes.begin());
        inputs = inputs.subspan(bytes.size());
    }
    for (const Bound& step : steps_) {
        std::int8_t* output = tensors_[step.output].data();
        if (step.fast != nullptr) {
            step.fast->run(step.inputs, output, scratch_);
        } else {
            std::visit(Execute{step.inputs, output}, step.call);
        }
    }
    std::vector<std::int8_t> result;
    result.reserve(outputBytes_);
    for (const std::int32_t index : outputs_) {
        result.insert(result.end(), tensors_[index].begin(), tensors_[index].end());
    }
    return result;
}

std::span<const std::int8_t> Runner::operatorOutput(std::size_t op) const {
    return tensors_[steps_[op].output];
}

}  // namespace tinsmith::nn
