// Instructions that int8 kernels take, as straight lines through what was measured on a Cortex-M4F.
// Held against whole networks on the emulated board by tests/handlers/build/cost_test.cpp:
//   ctest -R plan_cost_board_test --verbose
#pragma once

#include <cstdint>
#include <string_view>

namespace tinsmith::plan {

struct KernelCosts {
    // Convolution.
    double convMac;        // each multiply-accumulate
    double convOutput;     // each output
    double convOutputRow;  // each output and row of the kernel
    double convPlaceRow;   // each place of the output and row of the kernel
    double convTap;        // each value gathered for a place of the output
    // The same two where 4 does not divide the input's channels.
    double convOddPlaceRow, convOddTap;
    // Depthwise convolution.
    double depthwiseTap;  // each output and tap
    double depthwiseOutput;
    double depthwiseOutputRow;  // each output and row of the kernel
    double depthwiseInput;
    double depthwiseLine;  // each channel and line of its plane
    double denseMac, denseOutput;
    double poolInput, poolOutput;
    double poolOutputRow;  // each output and row of the pool
    // The same where 4 does not divide the channels.
    double poolOddInput, poolOddOutput, poolOddOutputRow;
    double globalAverageInput;
    // Kernels of a core compute several at a time: what is missing is computed too.
    int taps, filters, denseUnits, depthwiseTaps;
    bool skipsPadding;  // taps outside of the image cost nothing
    // Depthwise kernels go over the plane of a channel, its longer side inside; of those of 3 x 3
    // with stride 1 or 2 the taps cost nothing more.
    bool depthwisePlanes;
    std::uint64_t convCode;   // bytes of code that a convolution pulls in
    std::uint64_t denseCode;  // and a dense layer
};

inline constexpr KernelCosts kPortableCosts = {
    .convMac = 5,
    .convOutput = 74,
    .convOutputRow = 33,
    .convPlaceRow = 0,
    .convTap = 0,
    .convOddPlaceRow = 0,
    .convOddTap = 0,
    .depthwiseTap = 8.9,
    .depthwiseOutput = 72,
    .depthwiseOutputRow = 16,
    .depthwiseInput = 0,
    .depthwiseLine = 0,
    .denseMac = 5,
    .denseOutput = 65,
    .poolInput = 8,
    .poolOutput = 42,
    .poolOutputRow = 13,
    .poolOddInput = 8,
    .poolOddOutput = 42,
    .poolOddOutputRow = 13,
    .globalAverageInput = 8,
    .taps = 1,
    .filters = 1,
    .denseUnits = 1,
    .depthwiseTaps = 1,
    .skipsPadding = true,
    .depthwisePlanes = false,
    .convCode = 1600,
    .denseCode = 1000,
};

inline constexpr KernelCosts kArmv7emCosts = {
    .convMac = 0.75,
    .convOutput = 16.5,
    .convOutputRow = 0,
    .convPlaceRow = 39,
    .convTap = 2.3,
    .convOddPlaceRow = 75,
    .convOddTap = 4.6,
    .depthwiseTap = 3,
    .depthwiseOutput = 17,
    .depthwiseOutputRow = 16,
    .depthwiseInput = 4.2,
    .depthwiseLine = 137,
    .denseMac = 1.06,
    .denseOutput = 29,
    .poolInput = 1.5,
    .poolOutput = 11,
    .poolOutputRow = 2.5,
    .poolOddInput = 8,
    .poolOddOutput = 42,
    .poolOddOutputRow = 13,
    .globalAverageInput = 10,
    .taps = 4,
    .filters = 2,
    .denseUnits = 4,
    .depthwiseTaps = 2,
    .skipsPadding = false,
    .depthwisePlanes = true,
    .convCode = 4200,
    .denseCode = 900,
};

// By the name that board.toml gives under `kernels`.
constexpr const KernelCosts& kernelCosts(std::string_view kernels) {
    return kernels == "armv7em" ? kArmv7emCosts : kPortableCosts;
}

}  // namespace tinsmith::plan
