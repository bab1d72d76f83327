// Measured cost of the kernels: instructions for each multiply-accumulate (convolution, dense),
// input (pools, mean) or class (softmax), everything around the inner loop included. Cortex-M4F,
// gcc 12 -O2, emulated mps2-an386 with
// `-icount shift=0`. Measured and held to within 10 % by tests/firmware/nn/cost_test.cpp:
//   ctest -R nn_cost_test --verbose
#pragma once

#include <array>

namespace tinsmith::nn {

struct KernelCost {
    const char* name;     // kernel and shape: steps x inputs _ filters _ k kernel
    double instructions;  // each
};

inline constexpr std::array<KernelCost, 10> kCosts = {{
    {"conv2d_100x3_16_k5", 12.24},
    {"conv2d_100x16_16_k5", 6.24},
    {"conv2d_50x32_32_k3", 5.99},
    {"fully_connected_64_12", 6.09},
    {"fully_connected_640_64", 5.10},
    {"max_pool_100x16_2", 34.5},
    {"average_pool_100x16_2", 36.4},
    {"mean_100x16", 6.48},
    {"softmax_4", 350},
    {"softmax_12", 317},
}};

}  // namespace tinsmith::nn
