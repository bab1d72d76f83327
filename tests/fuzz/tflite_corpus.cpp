// tflite_corpus FOLDER: writes the seeds of the model file fuzzer, one small model for each
// operator and variant that the importer takes, and one with float32 ends.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/file_model.hpp"
#include "tests/handlers/quantize/single_operator.hpp"

namespace {

using tinsmith::nn::Activation;
using tinsmith::nn::Graph;
using tinsmith::nn::Op;
using tinsmith::nn::Operator;
using tinsmith::nn::Padding;
using tinsmith::nn::Tensor;
using tinsmith::test::activation;
using tinsmith::test::Change;
using tinsmith::test::integers;
using tinsmith::test::probabilities;
using tinsmith::test::Shape;
using tinsmith::test::single;

Tensor weights(Shape shape, std::size_t scales = 1, std::int32_t axis = 0) {
    Tensor tensor;
    tensor.shape = std::move(shape);
    tensor.scales.assign(scales, 0.02F);
    for (std::size_t i = 0; i < scales; ++i) tensor.scales[i] += 0.01F * static_cast<float>(i);
    tensor.channelAxis = axis;
    tensor.constant = true;
    for (std::int64_t i = 0; i < elementCount(tensor); ++i)
        tensor.data.push_back(static_cast<std::uint8_t>(i * 37 + 11));
    return tensor;
}

Tensor bias(std::int32_t channels) {
    std::vector<std::int32_t> values;
    for (std::int32_t i = 0; i < channels; ++i) values.push_back(100 * i - 70);
    return integers({channels}, values);
}

Change strided(std::int32_t stride, Padding padding) {
    return [=](Operator& op) {
        op.options.strideHeight = op.options.strideWidth = stride;
        op.options.padding = padding;
        op.options.activation = Activation::relu;
    };
}

Change pool(std::int32_t size, Padding padding) {
    return [=](Operator& op) {
        op.options.filterHeight = op.options.filterWidth = size;
        op.options.strideHeight = op.options.strideWidth = size;
        op.options.padding = padding;
        op.options.activation = Activation::relu6;
    };
}

std::vector<std::pair<std::string, Graph>> graphs() {
    const Shape square = {1, 4, 4, 2};
    return {
        {"conv_same",
         single(Op::conv2d,
                {activation(square), weights({3, 3, 3, 2}, 3), bias(3), activation({1, 2, 2, 3})},
                strided(2, Padding::same))},
        {"conv_valid_per_tensor_no_bias",
         single(Op::conv2d, {activation(square), weights({3, 2, 2, 2}), activation({1, 3, 3, 3})})},
        {"conv_dilated",
         single(Op::conv2d,
                {activation(square), weights({1, 2, 2, 2}), bias(1), activation({1, 2, 2, 1})},
                [](Operator& op) { op.options.dilationHeight = op.options.dilationWidth = 2; })},
        {"depthwise",
         single(Op::depthwiseConv2d,
                {activation(square), weights({1, 3, 3, 2}, 2, 3), bias(2), activation(square)},
                strided(1, Padding::same))},
        {"depthwise_multiplier", single(Op::depthwiseConv2d,
                                        {activation(square), weights({1, 2, 2, 6}, 6, 3), bias(6),
                                         activation({1, 3, 3, 6})},
                                        [](Operator& op) { op.options.depthMultiplier = 3; })},
        {"dense", single(Op::fullyConnected,
                         {activation({1, 8}), weights({3, 8}), bias(3), activation({1, 3})})},
        {"dense_per_channel_no_bias",
         single(Op::fullyConnected, {activation({1, 8}), weights({3, 8}, 3), activation({1, 3})})},
        {"dense_keep_dimensions",
         single(Op::fullyConnected,
                {activation({1, 2, 4}), weights({3, 4}), bias(3), activation({1, 2, 3})},
                [](Operator& op) { op.options.keepDimensions = true; })},
        {"average_pool", single(Op::averagePool2d, {activation(square), activation({1, 2, 2, 2})},
                                pool(3, Padding::same))},
        {"max_pool", single(Op::maxPool2d, {activation(square), activation({1, 2, 2, 2})},
                            pool(2, Padding::valid))},
        {"mean", single(Op::mean,
                        {activation(square), integers({2}, {1, 2}), activation({1, 2}, 0.05F, 3)})},
        {"mean_keep",
         single(Op::mean, {activation(square), integers({1}, {-1}), activation({1, 4, 4, 1})},
                [](Operator& op) { op.options.keepDimensions = true; })},
        {"add", single(Op::add, {activation(square), activation(square, 0.2F, 9),
                                 activation(square, 0.3F, 0)})},
        {"add_constant", single(Op::add, {activation(square), weights({2}), activation(square)})},
        {"multiply", single(Op::multiply, {activation(square), activation({1, 4, 1, 1}, 0.2F, 9),
                                           activation(square, 0.3F, 0)})},
        {"pad", single(Op::pad, {activation(square), integers({4, 2}, {0, 0, 1, 0, 0, 2, 0, 0}),
                                 activation({1, 5, 6, 2})})},
        {"concatenation",
         single(Op::concatenation,
                {activation({1, 2, 3}), activation({1, 2, 1}), activation({1, 2, 4})},
                [](Operator& op) { op.options.axis = -1; })},
        {"reshape",
         single(Op::reshape, {activation(square), integers({2}, {1, 32}), activation({1, 32})})},
        {"softmax", single(Op::softmax, {activation({1, 6}), probabilities({1, 6})})},
        {"logistic", single(Op::logistic, {activation({1, 6}), probabilities({1, 6})})},
        {"relu", single(Op::relu, {activation({1, 6}), activation({1, 6})})},
        {"relu6", single(Op::relu6, {activation({1, 6}), activation({1, 6})})},
        {"quantize", single(Op::quantize, {activation({1, 6}), activation({1, 6}, 0.07F, 20)})},
    };
}

bool write(const std::filesystem::path& file, const std::vector<std::uint8_t>& bytes) {
    if (!tinsmith::quantize::readTflite(bytes)) {
        std::fprintf(stderr, "%s would be refused\n", file.c_str());
        return false;
    }
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    return static_cast<bool>(out.flush());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: tflite_corpus FOLDER\n", stderr);
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    bool good = write(folder / "float_ends.tflite", tinsmith::test::floatEnds().bytes());
    for (const auto& [name, graph] : graphs()) {
        const auto bytes = tinsmith::quantize::writeTflite(graph);
        if (!bytes) std::fprintf(stderr, "%s: %s\n", name.c_str(), bytes.error().message.c_str());
        good = bytes && write(folder / (name + ".tflite"), *bytes) && good;
    }
    return good ? 0 : 1;
}
