// The gateway's fast kernels against the portable ones, which say what is right: equal to the last
// bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>

#include "firmware/nn/run.hpp"
#include "tests/firmware/nn/wild_layer.hpp"

namespace tinsmith {
namespace {

using Bytes = std::vector<std::int8_t>;

// Random values, the ends of their range alone, and one of them everywhere.
std::vector<Bytes> inputsOf(std::size_t count, std::mt19937& random) {
    std::vector<Bytes> inputs(5, Bytes(count));
    for (std::size_t i = 0; i < count; ++i) {
        const auto bits = static_cast<std::uint32_t>(random());
        inputs[0][i] = static_cast<std::int8_t>(bits & 0xff);
        inputs[1][i] = static_cast<std::int8_t>(bits >> 8 & 0xff);
        inputs[2][i] = (bits >> 16 & 1) == 0 ? -128 : 127;
    }
    std::ranges::fill(inputs[3], std::int8_t{-128});
    std::ranges::fill(inputs[4], std::int8_t{127});
    return inputs;
}

std::string described(const nn::Graph& graph) {
    std::string text;
    for (const nn::Operator& op : graph.operators) {
        text += std::string(nn::opName(op.op)) + " strides " +
                std::to_string(op.options.strideHeight) + " " +
                std::to_string(op.options.strideWidth) + " dilation " +
                std::to_string(op.options.dilationHeight) + " " +
                std::to_string(op.options.dilationWidth) +
                (op.options.padding == nn::Padding::valid ? " valid" : " same");
        std::vector<std::int32_t> tensors = op.inputs;
        tensors.push_back(op.outputs[0]);
        for (const std::int32_t tensor : tensors) {
            text += " [";
            for (const std::int32_t size : graph.tensors[static_cast<std::size_t>(tensor)].shape)
                text += " " + std::to_string(size);
            text += " ]";
        }
    }
    return text;
}

struct Compared {
    std::size_t layers = 0, fast = 0, values = 0;
};

class HostCore : public ::testing::Test {
  protected:
    // Every operator's output for all inputs.
    void compare(const nn::Graph& graph) {
        auto fast = nn::Runner::create(graph, nn::Kernels::fast);
        auto portable = nn::Runner::create(graph, nn::Kernels::portable);
        ASSERT_TRUE(fast) << fast.error() << ": " << described(graph);
        ASSERT_TRUE(portable) << portable.error();
        const auto steps = nn::prepare(graph).value();
        for (const nn::Step& step : steps) {
            const auto op = graph.operators[static_cast<std::size_t>(step.op)].op;
            Compared& compared = compared_[nn::opName(op)];
            ++compared.layers;
            if (nn::host::pack(step.call) != nullptr) ++compared.fast;
        }
        for (const Bytes& input : inputsOf(fast->inputBytes(), random_)) {
            const auto got = fast->run(input);
            const auto right = portable->run(input);
            ASSERT_TRUE(got && right);
            ASSERT_EQ(*got, *right) << described(graph);
            for (std::size_t i = 0; i < steps.size(); ++i) {
                const auto is = fast->operatorOutput(i);
                ASSERT_TRUE(std::ranges::equal(is, portable->operatorOutput(i)))
                    << described(graph) << " operator " << i;
                compared_[nn::opName(graph.operators[i].op)].values += is.size();
            }
        }
    }

    void print() const {
        for (const auto& [name, compared] : compared_) {
            std::printf("%-18s %4zu layers, %4zu of them fast, %8zu values equal\n",
                        std::string(name).c_str(), compared.layers, compared.fast, compared.values);
        }
    }

    std::mt19937 random_{11};
    std::map<std::string_view, Compared> compared_;
};

TEST_F(HostCore, WildLayersEqualThePortableKernels) {
    for (int i = 0; i < 12 * 120; ++i) {
        compare(test::wildLayer(random_, i));
        if (HasFatalFailure()) return;
    }
    print();
    EXPECT_EQ(compared_.size(), 16U);
    for (const auto& [name, compared] : compared_) {
        if (name == "SOFTMAX") continue;
        // Where operands differ in shape or a mean is over few channels, the portable kernel runs.
        EXPECT_GE(2 * compared.fast, compared.layers) << name;
        EXPECT_GT(compared.values, 10000U) << name;
    }
}

TEST_F(HostCore, OrdinaryLayersEqualThePortableKernels) {
    for (int i = 0; i < 300; ++i) {
        test::RandomLayer layer(random_);
        if (i % 3 == 0) {
            layer.residual();
        } else {
            layer.convolution(i % 3 == 1);
        }
        compare(layer.graph);
        if (HasFatalFailure()) return;
    }
    print();
    for (const auto& [name, compared] : compared_) EXPECT_EQ(compared.fast, compared.layers);
}

// A file can ask for a padding much larger than its image: the portable kernel needs no memory for
// it.
TEST_F(HostCore, PaddingBeyondMeasureStaysPortable) {
    for (const bool depthwise : {false, true}) {
        test::RandomLayer layer(random_);
        nn::Operator op;
        op.op = depthwise ? nn::Op::depthwiseConv2d : nn::Op::conv2d;
        op.options.padding = nn::Padding::same;
        op.options.dilationHeight = op.options.dilationWidth = 30000;
        const auto input = layer.activation({1, 2, 2, 1}, 0.1F);
        op.inputs = {input, layer.weights({1, 3, 3, 1}, 1, 0)};
        op.outputs = {layer.activation({1, 2, 2, 1}, 0.1F)};
        layer.graph.inputs = {input};
        layer.graph.outputs = op.outputs;
        layer.graph.operators = {op};
        compare(layer.graph);
        EXPECT_EQ(compared_[nn::opName(op.op)].fast, 0U);
    }
}

// What a run has left in memory must not reach the next one.
TEST_F(HostCore, RunsDoNotRememberOthers) {
    for (int i = 0; i < 24; ++i) {
        const nn::Graph graph = test::wildLayer(random_, i % 4);
        auto used = nn::Runner::create(graph).value();
        const auto inputs = inputsOf(used.inputBytes(), random_);
        for (const Bytes& input : inputs) {
            auto fresh = nn::Runner::create(graph).value();
            EXPECT_EQ(used.run(input).value(), fresh.run(input).value()) << described(graph);
        }
    }
}

}  // namespace
}  // namespace tinsmith
