// Model files that our own writer does not write: other element types, operators and ends. Written
// with the format's own tables, without options.
#pragma once

#include <cstdint>
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
};

struct FileOperator {
    std::int32_t code = 0;
    std::vector<std::int32_t> inputs, outputs;
    std::string custom;  // code 32
};

struct FileModel {
    std::vector<FileTensor> tensors;
    std::vector<FileOperator> operators;
    std::vector<std::int32_t> inputs, outputs;
    int subgraphs = 1;

    [[nodiscard]] std::vector<std::uint8_t> bytes() const {
        flatbuffers::FlatBufferBuilder builder;
        const std::vector<flatbuffers::Offset<fb::Buffer>> buffers = {fb::CreateBuffer(builder)};
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
                const std::vector<float> scales = {tensor.scale};
                const std::vector<std::int64_t> zeros = {tensor.zeroPoint};
                quantization = fb::CreateQuantizationParametersDirect(builder, nullptr, nullptr,
                                                                      &scales, &zeros);
            }
            written.push_back(fb::CreateTensorDirect(builder, &tensor.shape, tensor.type, 0,
                                                     tensor.name.c_str(), quantization));
        }
        std::vector<flatbuffers::Offset<fb::Operator>> ops;
        for (std::size_t i = 0; i < operators.size(); ++i) {
            ops.push_back(fb::CreateOperatorDirect(builder, static_cast<std::uint32_t>(i),
                                                   &operators[i].inputs, &operators[i].outputs));
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
