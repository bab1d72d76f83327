// Random layers as networks for the board: those that cores have kernels for.
#pragma once

#include "tests/firmware/nn/random_layer.hpp"
#include "tests/handlers/build/board_program.hpp"

namespace tinsmith::test {

inline BoardNetwork randomLayer(std::mt19937& random, int number) {
    RandomLayer layer(random);
    switch (number % 10) {
        case 0:
            layer.globalAverage();
            break;
        case 1:
            layer.residual();
            break;
        case 2:
        case 3:
            layer.dense();
            break;
        case 4:
        case 5:
            layer.convolution(false);
            break;
        case 6:
        case 7:
            layer.pool();
            break;
        default:
            layer.convolution(true);
            break;
    }
    if (layer.between(0, 3) == 0) layer.shift();
    std::string name = "layer " + std::to_string(number);
    for (const nn::Operator& op : layer.graph.operators)
        name += " " + std::string(nn::opName(op.op));
    return {std::move(name), std::move(layer.graph)};
}

}  // namespace tinsmith::test
