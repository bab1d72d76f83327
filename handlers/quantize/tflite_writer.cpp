#include <algorithm>

#include "firmware/nn/prepare.hpp"
#include "handlers/quantize/tflite.hpp"
#include "handlers/quantize/tflite_codes.hpp"
#include "tflite_generated.h"

namespace tinsmith::quantize {

namespace {

namespace fb = tinsmith::format;
using Builder = flatbuffers::FlatBufferBuilder;
template <class T>
using Offset = flatbuffers::Offset<T>;

fb::ActivationKind activation(nn::Activation activation) {
    switch (activation) {
        case nn::Activation::none:
            return fb::ActivationKind::NONE;
        case nn::Activation::relu:
            return fb::ActivationKind::RELU;
        case nn::Activation::relu6:
            return fb::ActivationKind::RELU6;
    }
    return fb::ActivationKind::NONE;
}

fb::PaddingKind padding(nn::Padding padding) {
    return padding == nn::Padding::same ? fb::PaddingKind::SAME : fb::PaddingKind::VALID;
}

struct Written {
    fb::BuiltinOptions type = fb::BuiltinOptions::NONE;
    Offset<void> value;
};

Written writeOptions(Builder& builder, const nn::Operator& op) {
    const nn::Options& o = op.options;
    const auto act = activation(o.activation);
    switch (op.op) {
        case nn::Op::conv2d:
            return {fb::BuiltinOptions::Conv2DOptions,
                    fb::CreateConv2DOptions(builder, padding(o.padding), o.strideWidth,
                                            o.strideHeight, act, o.dilationWidth, o.dilationHeight)
                        .Union()};
        case nn::Op::depthwiseConv2d:
            return {fb::BuiltinOptions::DepthwiseConv2DOptions,
                    fb::CreateDepthwiseConv2DOptions(builder, padding(o.padding), o.strideWidth,
                                                     o.strideHeight, o.depthMultiplier, act,
                                                     o.dilationWidth, o.dilationHeight)
                        .Union()};
        case nn::Op::averagePool2d:
        case nn::Op::maxPool2d:
            return {fb::BuiltinOptions::Pool2DOptions,
                    fb::CreatePool2DOptions(builder, padding(o.padding), o.strideWidth,
                                            o.strideHeight, o.filterWidth, o.filterHeight, act)
                        .Union()};
        case nn::Op::fullyConnected:
            return {fb::BuiltinOptions::FullyConnectedOptions,
                    fb::CreateFullyConnectedOptions(builder, act, 0, o.keepDimensions).Union()};
        case nn::Op::softmax:
            return {fb::BuiltinOptions::SoftmaxOptions,
                    fb::CreateSoftmaxOptions(builder, o.beta).Union()};
        case nn::Op::concatenation:
            return {fb::BuiltinOptions::ConcatenationOptions,
                    fb::CreateConcatenationOptions(builder, o.axis, act).Union()};
        case nn::Op::add:
            return {fb::BuiltinOptions::AddOptions, fb::CreateAddOptions(builder, act).Union()};
        case nn::Op::multiply:
            return {fb::BuiltinOptions::MulOptions, fb::CreateMulOptions(builder, act).Union()};
        case nn::Op::reshape:
            return {fb::BuiltinOptions::ReshapeOptions,
                    fb::CreateReshapeOptionsDirect(builder, &o.newShape).Union()};
        case nn::Op::mean:
            return {fb::BuiltinOptions::ReducerOptions,
                    fb::CreateReducerOptions(builder, o.keepDimensions).Union()};
        default:
            return {};  // no options
    }
}

Offset<fb::Tensor> writeTensor(Builder& builder, const nn::Tensor& tensor, std::uint32_t buffer) {
    Offset<fb::QuantizationParameters> quantization;
    if (!tensor.scales.empty()) {
        const std::vector<std::int64_t> zeros(tensor.scales.size(), tensor.zeroPoint);
        quantization = fb::CreateQuantizationParametersDirect(
            builder, nullptr, nullptr, &tensor.scales, &zeros, 0, tensor.channelAxis);
    }
    const auto type = tensor.type == nn::Type::int8 ? fb::TensorType::INT8 : fb::TensorType::INT32;
    return fb::CreateTensorDirect(builder, &tensor.shape, type, buffer, tensor.name.c_str(),
                                  quantization);
}

}  // namespace

Result<std::vector<std::uint8_t>> writeTflite(const nn::Graph& graph) {
    if (auto steps = nn::prepare(graph); !steps) return fail(Code::bad_data, steps.error().message);
    Builder builder(64 * 1024);

    // Buffer 0 stays empty by convention; every constant has its own.
    std::vector<Offset<fb::Buffer>> buffers = {fb::CreateBuffer(builder)};
    std::vector<Offset<fb::Tensor>> tensors;
    for (const nn::Tensor& tensor : graph.tensors) {
        std::uint32_t index = 0;
        if (tensor.constant) {
            index = static_cast<std::uint32_t>(buffers.size());
            buffers.push_back(fb::CreateBufferDirect(builder, &tensor.data));
        }
        tensors.push_back(writeTensor(builder, tensor, index));
    }

    std::vector<nn::Op> used;  // in order of first use
    std::vector<Offset<fb::Operator>> operators;
    for (const nn::Operator& op : graph.operators) {
        auto place = std::find(used.begin(), used.end(), op.op);
        if (place == used.end()) place = used.insert(used.end(), op.op);
        const auto code = static_cast<std::uint32_t>(place - used.begin());
        const Written options = writeOptions(builder, op);
        operators.push_back(fb::CreateOperatorDirect(builder, code, &op.inputs, &op.outputs,
                                                     options.type, options.value));
    }
    std::vector<Offset<fb::OperatorCode>> codes;
    for (const nn::Op op : used) {
        const auto entry = std::find_if(kOpCodes.begin(), kOpCodes.end(),
                                        [op](const OpCode& known) { return known.op == op; });
        codes.push_back(fb::CreateOperatorCodeDirect(builder, static_cast<std::int8_t>(entry->code),
                                                     nullptr, entry->version, entry->code));
    }
    const std::vector<Offset<fb::SubGraph>> subgraphs = {fb::CreateSubGraphDirect(
        builder, &tensors, &graph.inputs, &graph.outputs, &operators, "main")};
    fb::FinishModelBuffer(
        builder, fb::CreateModelDirect(builder, 3, &codes, &subgraphs, "Tinsmith", &buffers));
    return std::vector<std::uint8_t>(builder.GetBufferPointer(),
                                     builder.GetBufferPointer() + builder.GetSize());
}

}  // namespace tinsmith::quantize
