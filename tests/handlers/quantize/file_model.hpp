// Model files that our own writer does not write: other element types, operators, options and ends,
// damaged ones. Written with the format's own tables.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tflite_generated.h"

namespace tinsmith::test {

namespace fb = tinsmith::format;

struct FileTensor {
    std::string name;
    fb::TensorType type = fb::TensorType::INT8;
    std::vector<std::int32_t> shape = {1, 8};
    float scale = 0.1F;  // 0 = not quantised
    std::int64_t zeroPoint = 0;
    std::vector<std::uint8_t> data = {};        // of a constant
    std::vector<float> scales = {};             // instead of `scale`
    std::vector<std::int64_t> zeroPoints = {};  // instead of `zeroPoint`
    std::int64_t buffer = -1;                   // instead of its own
    bool variable = false;
};

using FileOptions = std::function<flatbuffers::Offset<void>(flatbuffers::FlatBufferBuilder&)>;

struct FileOperator {
    std::int32_t code = 0;
    std::vector<std::int32_t> inputs, outputs;
    std::string custom;  // code 32
    fb::BuiltinOptions optionsType = fb::BuiltinOptions::NONE;
    FileOptions options = {};
};

struct FileModel {
    std::vector<FileTensor> tensors;
    std::vector<FileOperator> operators;
    std::vector<std::int32_t> inputs, outputs;
    int subgraphs = 1;

    [[nodiscard]] std::vector<std::uint8_t> bytes() const {
        flatbuffers::FlatBufferBuilder builder;
        // Buffer 0 is empty, then one a tensor.
        std::vector<flatbuffers::Offset<fb::Buffer>> buffers = {fb::CreateBuffer(builder)};
        for (const FileTensor& tensor : tensors)
            buffers.push_back(fb::CreateBufferDirect(builder, &tensor.data));
        std::vector<flatbuffers::Offset<fb::OperatorCode>> codes;
        for (const FileOperator& op : operators) {
            const auto old = static_cast<std::int8_t>(op.code < 127 ? op.code : 127);
            codes.push_back(fb::CreateOperatorCodeDirect(
                builder, old, op.custom.empty() ? nullptr : op.custom.c_str(), 1, op.code));
        }
        std::vector<flatbuffers::Offset<fb::SubGraph>> graphs;
        for (int i = 0; i < subgraphs; ++i) graphs.push_back(graph(builder));
        fb::FinishModelBuffer(builder,
                              fb::CreateModelDirect(builder, 3, &codes, &graphs, "test", &buffers));
        return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
    }

  private:
    flatbuffers::Offset<fb::SubGraph> graph(flatbuffers::FlatBufferBuilder& builder) const {
        std::vector<flatbuffers::Offset<fb::Tensor>> written;
        for (const FileTensor& tensor : tensors) {
            flatbuffers::Offset<fb::QuantizationParameters> quantization;
            if (tensor.scale != 0) {
                const auto scales =
                    tensor.scales.empty() ? std::vector<float>{tensor.scale} : tensor.scales;
                const auto zeros = tensor.zeroPoints.empty()
                                       ? std::vector<std::int64_t>(scales.size(), tensor.zeroPoint)
                                       : tensor.zeroPoints;
                quantization = fb::CreateQuantizationParametersDirect(builder, nullptr, nullptr,
                                                                      &scales, &zeros);
            }
            const std::int64_t own =
                tensor.data.empty() ? 0 : static_cast<std::int64_t>(written.size()) + 1;
            written.push_back(fb::CreateTensorDirect(
                builder, &tensor.shape, tensor.type,
                static_cast<std::uint32_t>(tensor.buffer < 0 ? own : tensor.buffer),
                tensor.name.c_str(), quantization, tensor.variable));
        }
        std::vector<flatbuffers::Offset<fb::Operator>> ops;
        for (std::size_t i = 0; i < operators.size(); ++i) {
            const FileOperator& op = operators[i];
            flatbuffers::Offset<void> options;
            if (op.options) options = op.options(builder);
            ops.push_back(fb::CreateOperatorDirect(builder, static_cast<std::uint32_t>(i),
                                                   &op.inputs, &op.outputs, op.optionsType,
                                                   options));
        }
        return fb::CreateSubGraphDirect(builder, &written, &inputs, &outputs, &ops, "main");
    }
};

inline constexpr std::int32_t kQuantizeCode = 114;
inline constexpr std::int32_t kDequantizeCode = 6;
inline constexpr std::int32_t kReluCode = 19;

// float32 in, QUANTIZE, RELU, DEQUANTIZE, float32 out.
inline FileModel floatEnds() {
    FileModel model;
    model.tensors = {{"in", fb::TensorType::FLOAT32, {1, 8}, 0},
                     {"in_int8", fb::TensorType::INT8, {1, 8}, 0.1F, -5},
                     {"out_int8", fb::TensorType::INT8, {1, 8}, 0.1F, -5},
                     {"out", fb::TensorType::FLOAT32, {1, 8}, 0}};
    model.operators = {
        {kQuantizeCode, {0}, {1}, ""}, {kReluCode, {1}, {2}, ""}, {kDequantizeCode, {2}, {3}, ""}};
    model.inputs = {0};
    model.outputs = {3};
    return model;
}

}  // namespace tinsmith::test
