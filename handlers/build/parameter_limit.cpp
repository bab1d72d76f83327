#include "handlers/build/parameter_limit.hpp"

#include <algorithm>
#include <set>

namespace tinsmith::build {

namespace {

const nn::Tensor& tensorOf(const nn::Graph& graph, std::int32_t index) {
    return graph.tensors[static_cast<std::size_t>(index)];
}

// Constants that kernels read beside their own, each once.
std::int64_t constantOperands(const nn::Graph& graph, const std::vector<nn::Step>& steps) {
    std::set<std::int32_t> constants;
    for (const nn::Step& step : steps) {
        for (const std::int32_t input : step.inputs)
            if (tensorOf(graph, input).constant) constants.insert(input);
    }
    std::int64_t bytes = 0;
    for (const std::int32_t constant : constants) bytes += nn::byteCount(tensorOf(graph, constant));
    return bytes;
}

struct Saving {
    std::size_t step = 0;
    StepSource portable;
    double bytesForAMac = 0;
};

}  // namespace

std::int64_t parameterLimit(const nn::Graph& graph) {
    std::int64_t bytes = 0;
    for (const nn::Tensor& tensor : graph.tensors)
        if (tensor.constant) bytes += nn::byteCount(tensor);
    std::int64_t filters = 0;
    for (const nn::Operator& op : graph.operators) {
        if (op.op == nn::Op::conv2d || op.op == nn::Op::depthwiseConv2d ||
            op.op == nn::Op::fullyConnected) {
            filters += tensorOf(graph, op.outputs[0]).shape.back();
        }
    }
    return bytes * 105 / 100 + 5 * filters;
}

void keepToParameterLimit(const nn::Graph& graph, const std::vector<nn::Step>& steps,
                          std::vector<StepSource>& sources) {
    std::int64_t bytes = constantOperands(graph, steps);
    for (const StepSource& source : sources) bytes += source.bytes;
    const std::int64_t limit = parameterLimit(graph);
    if (bytes <= limit) return;
    std::vector<Saving> savings;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        Saving saving{i, portableSource(steps[i])};
        const std::int64_t saved = sources[i].bytes - saving.portable.bytes;
        if (saved <= 0) continue;
        const auto& op = graph.operators[static_cast<std::size_t>(steps[i].op)];
        saving.bytesForAMac =
            static_cast<double>(saved) / static_cast<double>(nn::macCount(graph, op));
        savings.push_back(std::move(saving));
    }
    std::ranges::sort(savings, std::ranges::greater(), &Saving::bytesForAMac);
    for (Saving& saving : savings) {
        if (bytes <= limit) return;
        bytes -= sources[saving.step].bytes - saving.portable.bytes;
        sources[saving.step] = std::move(saving.portable);
    }
}

}  // namespace tinsmith::build
