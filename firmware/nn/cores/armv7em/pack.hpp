// On the gateway: a prepared layer in the form that the kernels of this core read. Nothing comes
// back where the core has no kernel for a layer or where one could not be exact (a sum too large, a
// scale that does not shrink); the portable kernel does it then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firmware/nn/cores/armv7em/kernels.hpp"
#include "firmware/nn/prepare.hpp"

namespace tinsmith::nn::armv7em {

// `layer` has the constants' places empty: whoever writes them down fills them in.
template <class Layer>
struct Packed {
    std::string kernel;  // of kernels.hpp, "conv2dRelu" say
    Layer layer{};
    std::vector<std::uint32_t> weights;  // woven; conv2d and dense
    std::vector<std::int8_t> taps;       // depthwise
    std::vector<std::int32_t> scales;    // Requantisation::pairs, Depthwise::scales
    std::vector<std::uint8_t> shifts;    // right shifts
    std::int64_t scratchBytes = 0;
    // The output may begin so many bytes after the input's begin, or less (in general less than
    // none), and overwrite it on the way; nothing: it must lie elsewhere. Of a depthwise layer: a
    // multiple of its channels.
    std::optional<std::int64_t> outputFrom;
};

[[nodiscard]] std::optional<Packed<Conv2d>> pack(const Conv2dCall& call);
[[nodiscard]] std::optional<Packed<Depthwise>> pack(const DepthwiseCall& call);
// All filters of a depthwise layer of one channel read the same taps, as those of a convolution do;
// nothing where the kernels for depthwise layers are faster.
[[nodiscard]] std::optional<Conv2dCall> asConvolution(const DepthwiseCall& call);
[[nodiscard]] std::optional<Packed<Dense>> pack(const DenseCall& call);
// Operands of one shape and different scales. `coarseFirst`: the left operand is the coarse one.
struct PackedAdd {
    Add layer{};
    bool coarseFirst = true;
};
[[nodiscard]] std::optional<PackedAdd> pack(const nn::Add& call);
[[nodiscard]] std::optional<Packed<Pool>> pack(const PoolCall& call);
// The average of the whole image, however large.
[[nodiscard]] std::optional<GlobalAverage> asGlobalAverage(const PoolCall& call);

}  // namespace tinsmith::nn::armv7em
