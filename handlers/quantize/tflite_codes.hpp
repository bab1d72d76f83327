// Numbers that the model format gives to operators.
#pragma once

#include <array>
#include <cstdint>

#include "firmware/nn/graph.hpp"

namespace tinsmith::quantize {

struct OpCode {
    nn::Op op;
    std::int32_t code;
    std::int32_t version;  // lowest version whose int8 form is what we write
};

inline constexpr std::array<OpCode, 17> kOpCodes = {{
    {nn::Op::add, 0, 2},
    {nn::Op::averagePool2d, 1, 2},
    {nn::Op::concatenation, 2, 2},
    {nn::Op::conv2d, 3, 3},
    {nn::Op::depthwiseConv2d, 4, 3},
    {nn::Op::fullyConnected, 9, 4},
    {nn::Op::logistic, 14, 2},
    {nn::Op::maxPool2d, 17, 2},
    {nn::Op::multiply, 18, 2},
    {nn::Op::relu, 19, 2},
    {nn::Op::relu6, 21, 2},
    {nn::Op::reshape, 22, 1},
    {nn::Op::softmax, 25, 2},
    {nn::Op::pad, 34, 2},
    {nn::Op::mean, 40, 2},
    {nn::Op::padV2, 60, 2},
    {nn::Op::quantize, 114, 2},
}};

}  // namespace tinsmith::quantize
