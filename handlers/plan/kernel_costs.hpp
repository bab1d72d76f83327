// Instructions that int8 kernels take, as straight lines through what was measured on a Cortex-M4F:
// the portable kernels by tests/firmware/nn/cost_test.cpp, those of Armv7E-M by `./run bench nn`.
// For estimates before anything is trained; a little more rather than a little less.
#pragma once

#include <cstdint>
#include <string_view>

namespace tinsmith::plan {

struct KernelCosts {
    double convMac;       // convolution and dense: each multiply-accumulate
    double convOutput;    // each output
    double convPosition;  // each output and kernel position, whatever the inputs
    double convTap;       // each value gathered for a place of the output
    double convOddTap;    // the same where 4 does not divide the input's channels
    double denseMac;
    double denseOutput;
    double depthwiseTap;  // each output and kernel position
    double depthwiseOutput;
    double depthwiseRow;  // each row of each channel
    double poolInput;     // pools, each input
    double globalAverageInput;
    std::uint64_t convCode;  // bytes of code that a convolution pulls in
    std::uint64_t denseCode;
};

inline constexpr KernelCosts kPortableCosts = {5, 0, 29, 0, 0, 5, 71, 34, 0, 0, 36, 36, 1600, 1000};
inline constexpr KernelCosts kArmv7emCosts = {0.78, 20, 0,  3.5, 12, 1.1,  32,
                                              2,    16, 60, 36,  10, 4200, 900};

// By the name that board.toml gives under `kernels`.
constexpr const KernelCosts& kernelCosts(std::string_view kernels) {
    return kernels == "armv7em" ? kArmv7emCosts : kPortableCosts;
}

}  // namespace tinsmith::plan
