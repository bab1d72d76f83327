// Portable int8 kernels, the same source on gateway and microcontroller; bit-exact with the
// reference kernels of TensorFlow Lite Micro. Freestanding C++20: no heap, no library calls, no
// floating point.
//
// Tensors are dense NHWC int8 in memory order. Quantities named `…Offset` are added: inputOffset =
// -zero point of the input, outputOffset = zero point of the output. Accumulators are int32: a
// filter may have at most kMaxTaps taps, which firmware/nn/prepare.hpp checks. Input and output
// must not overlap unless a kernel says so.
#pragma once

#include <cstdint>

namespace tinsmith::nn {

inline constexpr std::int32_t kMaxTaps = 65536;  // 65536 * 128 * 255 < 2^31

// One window sliding over an image: convolution and pooling. Padding is what lies above and left of
// the image.
struct Window2d {
    std::int32_t batches, inHeight, inWidth, inChannels;
    std::int32_t outHeight, outWidth, outChannels;
    std::int32_t kernelHeight, kernelWidth, strideHeight, strideWidth;
    std::int32_t dilationHeight, dilationWidth, padTop, padLeft;
};

struct Range {
    std::int32_t inputOffset, outputOffset, minimum, maximum;  // minimum..maximum: fused activation
};

// How accumulators of each output channel become int8. `bias` may be null (= zeros).
struct PerChannel {
    const std::int32_t* bias;
    const std::int32_t* multipliers;
    const std::int8_t* shifts;  // -31..30
};

// weights [outChannels][kernelHeight][kernelWidth][inChannels]
void conv2d(const Window2d& window, const Range& range, const PerChannel& channels,
            const std::int8_t* weights, const std::int8_t* input, std::int8_t* output);

// weights [kernelHeight][kernelWidth][outChannels]; outChannels is a multiple of inChannels
void depthwiseConv2d(const Window2d& window, const Range& range, const PerChannel& channels,
                     const std::int8_t* weights, const std::int8_t* input, std::int8_t* output);

struct Dense {
    std::int32_t rows, inputs, outputs;
};

// weights [outputs][inputs]
void fullyConnected(const Dense& shape, const Range& range, const PerChannel& channels,
                    const std::int8_t* weights, const std::int8_t* input, std::int8_t* output);

// Only minimum and maximum of `range` are used. Padding does not count.
void averagePool2d(const Window2d& window, const Range& range, const std::int8_t* input,
                   std::int8_t* output);
void maxPool2d(const Window2d& window, const Range& range, const std::int8_t* input,
               std::int8_t* output);

// Mean over the middle of [outer][count][inner]; multiplier and shift have 1/count folded in.
struct Mean {
    std::int32_t outer, count, inner;
    std::int32_t inputZeroPoint, outputZeroPoint, multiplier, shift;
};
void mean(const Mean& shape, const std::int8_t* input, std::int8_t* output);

// Output scale 1/256, zero point -128.
struct Softmax {
    std::int32_t rows, depth;
    std::int32_t multiplier, leftShift;  // input difference -> Q5.26
    std::int32_t smallestDifference;     // below it the result is 0
};
void softmax(const Softmax& shape, const std::int8_t* input, std::int8_t* output);

// Output scale 1/256, zero point -128. May run in place.
struct Logistic {
    std::int32_t count, inputZeroPoint, radius;
    std::int32_t multiplier, shift;  // input -> Q4.27
};
void logistic(const Logistic& shape, const std::int8_t* input, std::int8_t* output);

// Two operands over four dimensions; a stride of 0 repeats an operand along that dimension.
struct Broadcast {
    std::int32_t dimensions[4], leftStrides[4], rightStrides[4];
};
struct Add {
    Broadcast shape;
    std::int32_t leftOffset, rightOffset;
    std::int32_t leftMultiplier, leftShift, rightMultiplier, rightShift;
    std::int32_t outputMultiplier, outputShift;
    Range range;
};
void add(const Add& shape, const std::int8_t* left, const std::int8_t* right, std::int8_t* output);

struct Multiply {
    Broadcast shape;
    std::int32_t leftOffset, rightOffset, multiplier, shift;
    Range range;
};
void multiply(const Multiply& shape, const std::int8_t* left, const std::int8_t* right,
              std::int8_t* output);

// RELU and RELU6 between tensors of one scale. May run in place.
struct Clip {
    std::int32_t count, minimum, maximum;
};
void clip(const Clip& shape, const std::int8_t* input, std::int8_t* output);

// From one scale and zero point to another. May run in place.
struct Rescale {
    std::int32_t count, inputOffset, outputOffset, multiplier, shift;
};
void rescale(const Rescale& shape, const std::int8_t* input, std::int8_t* output);

struct Pad {
    std::int32_t inDimensions[4], outDimensions[4], before[4];
    std::int32_t value;
};
void pad(const Pad& shape, const std::int8_t* input, std::int8_t* output);

// `rows` runs of `bytes` each, from a packed input to an output with `outputStride` bytes from run
// to run: one input of a concatenation, or (rows = 1) a plain copy.
struct CopyRows {
    std::int32_t rows, bytes, outputStride;
};
void copyRows(const CopyRows& shape, const std::int8_t* input, std::int8_t* output);

}  // namespace tinsmith::nn
