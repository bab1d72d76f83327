#include <algorithm>
#include <cstring>

#include "firmware/nn/prepare.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/quantize/tflite.hpp"
#include "handlers/quantize/tflite_codes.hpp"
#include "handlers/quantize/tflite_names.hpp"
#include "tflite_generated.h"

namespace tinsmith::quantize {

namespace {

namespace fb = tinsmith::format;

constexpr std::size_t kMaxTensors = 4096;
constexpr std::size_t kMaxOperators = 4096;
constexpr std::size_t kMaxRank = 8;
constexpr std::size_t kMaxListed = 64;  // inputs or outputs of one operator or graph

std::unexpected<Error> broken(std::string message) {
    return fail(Code::bad_data, std::move(message),
                "export the model again as a full int8 .tflite file");
}

std::unexpected<Error> unsupported(std::string message) {
    return fail(Code::unsupported, std::move(message),
                "use int8 tensors and the operators that the README lists");
}

template <class Vector>
std::size_t sizeOf(const Vector* vector) {
    return vector == nullptr ? 0 : vector->size();
}

std::vector<std::int32_t> numbers(const flatbuffers::Vector<std::int32_t>* vector) {
    if (vector == nullptr) return {};
    return {vector->begin(), vector->end()};
}

// The verifier aligns a vector's length, not its 64-bit elements.
std::int64_t int64At(const flatbuffers::Vector<std::int64_t>& vector, std::size_t index) {
    std::int64_t value = 0;
    std::memcpy(&value, vector.Data() + index * sizeof value, sizeof value);
    return flatbuffers::EndianScalar(value);
}

std::string labelOf(const fb::Tensor& tensor, std::size_t index) {
    const std::string name = tensor.name() == nullptr ? "" : tensor.name()->str();
    return "tensor " + std::to_string(index) + " '" + name.substr(0, 80) + "'";
}

bool isKnownType(fb::TensorType type) {
    return type == fb::TensorType::INT8 || type == fb::TensorType::INT32;
}

// A tensor of a type that we do not know becomes an empty scalar: fine as long as nothing uses it,
// which checkUses() tells.
Result<nn::Tensor> readTensor(const fb::Model& model, const fb::Tensor& from, std::size_t index) {
    nn::Tensor tensor;
    if (from.name() != nullptr) tensor.name = from.name()->str();
    if (!isKnownType(from.type())) return tensor;
    const std::string label = labelOf(from, index);
    tensor.type = from.type() == fb::TensorType::INT8 ? nn::Type::int8 : nn::Type::int32;
    if (from.is_variable()) return unsupported(label + " is a variable");
    if (sizeOf(from.shape()) > kMaxRank) {
        return unsupported(label + " has more than " + std::to_string(kMaxRank) + " dimensions");
    }
    tensor.shape = numbers(from.shape());
    if (const auto* quantization = from.quantization(); quantization != nullptr) {
        const std::size_t scales = sizeOf(quantization->scale());
        const std::size_t zeros = sizeOf(quantization->zero_point());
        if (zeros != 0 && zeros != scales) return broken(label + " has scales without zero points");
        for (std::size_t i = 0; i < scales; ++i) {
            const auto at = static_cast<flatbuffers::uoffset_t>(i);
            tensor.scales.push_back(quantization->scale()->Get(at));
            const std::int64_t zero = zeros == 0 ? 0 : int64At(*quantization->zero_point(), i);
            if (zero < -128 || zero > 127) return broken(label + " has a zero point out of range");
            if (i > 0 && zero != tensor.zeroPoint) {
                return unsupported(label + " has different zero points for its channels");
            }
            tensor.zeroPoint = static_cast<std::int32_t>(zero);
        }
        if (scales > 1) tensor.channelAxis = quantization->quantized_dimension();
    }
    if (from.buffer() >= sizeOf(model.buffers())) return broken(label + " names a missing buffer");
    const fb::Buffer* buffer = model.buffers()->Get(from.buffer());
    if (buffer != nullptr && buffer->offset() > 1)
        return unsupported(label + " lies outside of the file's tables");
    if (buffer != nullptr && sizeOf(buffer->data()) > 0) {
        tensor.constant = true;
        tensor.data.assign(buffer->data()->begin(), buffer->data()->end());
    }
    return tensor;
}

// Reads the options of one operator; messages begin with its name.
class OptionsReader {
  public:
    OptionsReader(const fb::Operator& from, std::string name, nn::Options& to)
        : from_(from), name_(std::move(name)), to_(to) {}

    Status read(nn::Op op) {
        switch (op) {
            case nn::Op::conv2d:
                return with(from_.options_as_Conv2DOptions(), [this](const auto& o) {
                    to_.dilationHeight = o.dilation_h();
                    to_.dilationWidth = o.dilation_w();
                    return window(o);
                });
            case nn::Op::depthwiseConv2d:
                return with(from_.options_as_DepthwiseConv2DOptions(), [this](const auto& o) {
                    to_.depthMultiplier = o.depth_multiplier();
                    // No reference vector says what a dilated one yields.
                    if (o.dilation_h() > 1 || o.dilation_w() > 1)
                        return refused("dilation is not supported");
                    return window(o);
                });
            case nn::Op::averagePool2d:
            case nn::Op::maxPool2d:
                return with(from_.options_as_Pool2DOptions(), [this](const auto& o) {
                    to_.filterHeight = o.filter_height();
                    to_.filterWidth = o.filter_width();
                    return window(o);
                });
            case nn::Op::fullyConnected:
                return with(from_.options_as_FullyConnectedOptions(), [this](const auto& o) {
                    to_.keepDimensions = o.keep_num_dims();
                    if (o.weights_format() != 0)
                        return refused("shuffled weights are not supported");
                    return activation(o.activation());
                });
            case nn::Op::softmax:
                return with(from_.options_as_SoftmaxOptions(), [this](const auto& o) {
                    to_.beta = o.beta();
                    return Status();
                });
            case nn::Op::concatenation:
                return with(from_.options_as_ConcatenationOptions(), [this](const auto& o) {
                    to_.axis = o.axis();
                    return activation(o.activation());
                });
            case nn::Op::mean:
                return with(from_.options_as_ReducerOptions(), [this](const auto& o) {
                    to_.keepDimensions = o.keep_dims();
                    return Status();
                });
            // An absent table means defaults for the rest.
            case nn::Op::add:
                if (const auto* o = from_.options_as_AddOptions(); o != nullptr)
                    return activation(o->activation());
                return {};
            case nn::Op::multiply:
                if (const auto* o = from_.options_as_MulOptions(); o != nullptr)
                    return activation(o->activation());
                return {};
            case nn::Op::reshape:
                if (const auto* o = from_.options_as_ReshapeOptions(); o != nullptr) {
                    if (sizeOf(o->new_shape()) > kMaxRank)
                        return refused("more than 8 dimensions are not supported");
                    to_.newShape = numbers(o->new_shape());
                }
                return {};
            default:
                return {};
        }
    }

  private:
    Status refused(const std::string& why) const { return unsupported(name_ + ": " + why); }

    template <class Table, class Read>
    Status with(const Table* table, const Read& take) const {
        if (table == nullptr) return broken(name_ + ": its options are missing");
        return take(*table);
    }

    Status activation(fb::ActivationKind kind) {
        switch (kind) {
            case fb::ActivationKind::NONE:
                to_.activation = nn::Activation::none;
                return {};
            case fb::ActivationKind::RELU:
                to_.activation = nn::Activation::relu;
                return {};
            case fb::ActivationKind::RELU6:
                to_.activation = nn::Activation::relu6;
                return {};
        }
        return refused("fused activation " + std::to_string(static_cast<int>(kind)) +
                       " is not supported");
    }

    template <class Table>
    Status window(const Table& from) {
        if (from.padding() != fb::PaddingKind::SAME && from.padding() != fb::PaddingKind::VALID)
            return broken(name_ + ": padding " + std::to_string(static_cast<int>(from.padding())) +
                          " does not exist");
        to_.padding =
            from.padding() == fb::PaddingKind::SAME ? nn::Padding::same : nn::Padding::valid;
        to_.strideHeight = from.stride_h();
        to_.strideWidth = from.stride_w();
        return activation(from.activation());
    }

    const fb::Operator& from_;
    std::string name_;
    nn::Options& to_;
};

// One operator of the file before it is looked at more closely.
struct Entry {
    const fb::Operator* from = nullptr;
    std::int32_t code = 0;
    std::string name;  // "operator 3 CONV_2D"
    std::vector<std::int32_t> inputs, outputs;
};

Result<Entry> readEntry(const fb::Model& model, const fb::SubGraph& graph, std::size_t index) {
    Entry entry;
    entry.from = graph.operators()->Get(static_cast<flatbuffers::uoffset_t>(index));
    entry.name = "operator " + std::to_string(index);
    if (entry.from->opcode_index() >= sizeOf(model.operator_codes()))
        return broken(entry.name + " names a missing code");
    const fb::OperatorCode* code = model.operator_codes()->Get(entry.from->opcode_index());
    entry.code = std::max<std::int32_t>(code->deprecated_builtin_code(), code->builtin_code());
    entry.name += " " + builtinName(entry.code);
    if (code->custom_code() != nullptr)
        entry.name += " '" + code->custom_code()->str().substr(0, 80) + "'";
    if (sizeOf(entry.from->inputs()) > kMaxListed || sizeOf(entry.from->outputs()) > kMaxListed) {
        return unsupported(entry.name + " has more than " + std::to_string(kMaxListed) +
                           " inputs or outputs");
    }
    entry.inputs = numbers(entry.from->inputs());
    entry.outputs = numbers(entry.from->outputs());
    const auto exists = [&](std::int32_t tensor) {
        return tensor >= 0 && static_cast<std::size_t>(tensor) < sizeOf(graph.tensors());
    };
    for (const std::int32_t tensor : entry.inputs) {  // -1: an optional input left out
        if (tensor != -1 && !exists(tensor))
            return broken(entry.name + " reads tensor " + std::to_string(tensor) +
                          ", which does not exist");
    }
    for (const std::int32_t tensor : entry.outputs) {
        if (!exists(tensor))
            return broken(entry.name + " writes tensor " + std::to_string(tensor) +
                          ", which does not exist");
    }
    return entry;
}

Result<nn::Operator> readOperator(const Entry& entry, std::size_t index) {
    const auto found =
        std::find_if(kOpCodes.begin(), kOpCodes.end(),
                     [&entry](const OpCode& known) { return known.code == entry.code; });
    if (found == kOpCodes.end()) return unsupported(entry.name + " is not supported");
    nn::Operator op;
    op.op = found->op;
    op.inputs = entry.inputs;
    op.outputs = entry.outputs;
    op.fileIndex = static_cast<std::int32_t>(index);
    if (auto read = OptionsReader(*entry.from, entry.name, op.options).read(found->op); !read)
        return std::unexpected(read.error());
    return op;
}

// Type of a tensor; the index is known to be in range.
fb::TensorType typeOf(const fb::SubGraph& graph, std::int32_t tensor) {
    return graph.tensors()->Get(static_cast<flatbuffers::uoffset_t>(tensor))->type();
}

// float32 at the ends: a QUANTIZE of the graph's input and a DEQUANTIZE to its output only carry
// floats in and out. Without them the graph begins and ends with the tensors beside them. True
// where `entry` was such an end.
bool takeEnd(const fb::SubGraph& from, const Entry& entry, nn::Graph& graph) {
    constexpr std::int32_t kQuantize = 114;
    constexpr std::int32_t kDequantize = 6;
    if ((entry.code != kQuantize && entry.code != kDequantize) || entry.inputs.size() != 1 ||
        entry.outputs.size() != 1 || entry.inputs[0] < 0) {
        return false;
    }
    const bool first = entry.code == kQuantize;
    const std::int32_t outer = first ? entry.inputs[0] : entry.outputs[0];
    const std::int32_t inner = first ? entry.outputs[0] : entry.inputs[0];
    if (typeOf(from, outer) != fb::TensorType::FLOAT32) return false;
    auto& ends = first ? graph.inputs : graph.outputs;
    const auto end = std::find(ends.begin(), ends.end(), outer);
    if (end == ends.end()) return false;
    *end = inner;
    return true;
}

// Whatever is computed with must be of a type that we know.
Status checkUses(const fb::SubGraph& from, const std::string& who,
                 const std::vector<std::int32_t>& tensors) {
    for (const std::int32_t index : tensors) {
        if (index == -1 || isKnownType(typeOf(from, index))) continue;
        const auto* tensor = from.tensors()->Get(static_cast<flatbuffers::uoffset_t>(index));
        return unsupported(who + ": " + labelOf(*tensor, static_cast<std::size_t>(index)) + " is " +
                           typeName(static_cast<std::int32_t>(tensor->type())) +
                           "; only int8 tensors, and int32 constants, are supported");
    }
    return {};
}

Status readOperators(const fb::Model& model, const fb::SubGraph& from, nn::Graph& graph) {
    for (std::size_t i = 0; i < sizeOf(from.operators()); ++i) {
        const auto entry = readEntry(model, from, i);
        if (!entry) return std::unexpected(entry.error());
        if (takeEnd(from, *entry, graph)) continue;
        auto op = readOperator(*entry, i);
        if (!op) return std::unexpected(op.error());
        for (const auto* tensors : {&op->inputs, &op->outputs}) {
            if (auto known = checkUses(from, entry->name, *tensors); !known) return known;
        }
        graph.operators.push_back(std::move(*op));
    }
    if (auto known = checkUses(from, "the model's input", graph.inputs); !known) return known;
    return checkUses(from, "the model's output", graph.outputs);
}

Result<nn::Graph> readGraph(const fb::Model& model) {
    if (model.version() != 3)
        return unsupported("model format version " + std::to_string(model.version()));
    if (sizeOf(model.subgraphs()) != 1)
        return unsupported("the model has not exactly one subgraph");
    const fb::SubGraph* from = model.subgraphs()->Get(0);
    if (sizeOf(from->tensors()) > kMaxTensors || sizeOf(from->operators()) > kMaxOperators ||
        sizeOf(from->inputs()) > kMaxListed || sizeOf(from->outputs()) > kMaxListed) {
        return fail(Code::too_large, "the model has too many tensors or operators");
    }
    nn::Graph graph;
    graph.inputs = numbers(from->inputs());
    graph.outputs = numbers(from->outputs());
    for (const auto* ends : {&graph.inputs, &graph.outputs}) {
        for (const std::int32_t index : *ends) {
            if (index < 0 || static_cast<std::size_t>(index) >= sizeOf(from->tensors()))
                return broken("an input or output of the model does not exist");
        }
    }
    if (auto read = readOperators(model, *from, graph); !read) return std::unexpected(read.error());
    // Several tensors may name one buffer: what they copy together is bounded too.
    std::size_t constantBytes = 0;
    for (std::size_t i = 0; i < sizeOf(from->tensors()); ++i) {
        auto tensor =
            readTensor(model, *from->tensors()->Get(static_cast<flatbuffers::uoffset_t>(i)), i);
        if (!tensor) {
            Error error = tensor.error();
            error.message = nn::userOf(graph, static_cast<std::int32_t>(i)) + error.message;
            return std::unexpected(std::move(error));
        }
        constantBytes += tensor->data.size();
        if (constantBytes > 2 * kMaxModelBytes)
            return fail(Code::too_large, "the model has too many constants");
        graph.tensors.push_back(std::move(*tensor));
    }
    return graph;
}

}  // namespace

Result<nn::Graph> readTflite(std::span<const std::uint8_t> bytes) {
    if (bytes.size() > kMaxModelBytes) {
        return fail(Code::too_large, "the model has " + std::to_string(bytes.size()) + " bytes",
                    "at most " + std::to_string(kMaxModelBytes) + " bytes");
    }
    // The verifier and the readers need aligned memory.
    std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
    auto* data = reinterpret_cast<std::uint8_t*>(aligned.data());
    std::copy(bytes.begin(), bytes.end(), data);
    flatbuffers::Verifier verifier(data, bytes.size(), 16, 100000);
    if (bytes.size() < 8 || !fb::VerifyModelBuffer(verifier))
        return broken("not a .tflite file, or damaged");
    auto graph = readGraph(*fb::GetModel(data));
    if (!graph) return graph;
    auto steps = nn::prepare(*graph);
    if (steps) return graph;
    const auto& [message, damaged] = steps.error();
    if (damaged) return broken(message);
    return unsupported(message);
}

Result<nn::Graph> loadTflite(const std::filesystem::path& path) {
    const auto bytes = readFile(path, kMaxModelBytes);
    if (!bytes) return std::unexpected(bytes.error());
    return readTflite(bytesOf(*bytes));
}

}  // namespace tinsmith::quantize
