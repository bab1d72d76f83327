// int8 kernels for Cortex-M4 and M7 (Armv7E-M with the DSP extension); bit-exact with the portable
// ones in firmware/nn/kernels.hpp, whose constants pack.cpp brings into the forms below.
//
// The core multiplies and accumulates two int16 at a time (SMLAD): 2 MACs an instruction are the
// limit. int8 must first become int16 (SXTB16, two values an instruction). Activations are expanded
// once and used for all filters. Weights stay bytes in flash, two filters woven together: a
// halfword is 256 * high + low, a word two of them, for inputs i and i + 2 of four. Then
//   S += SMLAD(word, x)          = 256 * High + Low      2 inputs, both filters
//   L += SMLAD(SXTB16(word), x)  = Low
// and High = (S - L) / 256, exact modulo 2^32 as long as |High| < 2^23. One SXTB16 serves two
// filters where separate ones would need two.
//
// Everywhere: the zero point of the input is folded into the bias, padding is that zero point.
#pragma once

#include <cstdint>

namespace tinsmith::nn::armv7em {

// From accumulators to int8. For each pair of filters {S and L before the first product,
// multipliers of low and high}; shifts are right shifts 1..22, low and high. Of an odd number of
// filters the last pair holds the last two once more.
struct Requantisation {
    const std::int32_t* pairs;   // [pairs][4]
    const std::uint8_t* shifts;  // [pairs][2]
    std::int32_t offset, minimum, maximum;
};

// How an accumulator is finished; each kernel exists once for each. `relu`: what is below the
// output's zero point -128 is cut off, so that the rounding of negative values does not matter.
// `full`: the whole range of int8. `clamp`: any range.

// Dilation 1, one batch, at least two filters. weights [pairs][ceil(taps / 4)][2]. The taps of a
// filter: of each row of kernelWidth * inChannels its whole fours, and after all rows what is left
// over of each, 0 to 3 taps.
// Scratch: 3 * 2 * taps rounded up to 4; and where 4 does not divide inChannels the bytes of what
// is left over and of one row, each rounded up to 4.
struct Conv2d {
    std::int32_t inHeight, inWidth, inChannels, outHeight, outWidth, outChannels;
    std::int32_t kernelHeight, kernelWidth, strideHeight, strideWidth, padTop, padLeft;
    std::int32_t padding;
    const std::uint32_t* weights;
    Requantisation requantisation;
};
void conv2dRelu(const Conv2d& c, const std::int8_t* input, std::int8_t* output, void* scratch);
void conv2dFull(const Conv2d& c, const std::int8_t* input, std::int8_t* output, void* scratch);
void conv2dClamp(const Conv2d& c, const std::int8_t* input, std::int8_t* output, void* scratch);

// At least four filters, four at a time; of a number that 4 does not divide the last four come once
// more. weights [fours][ceil(inputs / 4)][pair 0 and 1][2]. The input is read in whole words: up to
// three bytes behind its end.
struct Dense {
    std::int32_t rows, inputs, outputs;
    const std::uint32_t* weights;
    Requantisation requantisation;  // two pairs for each four
};
void denseRelu(const Dense& d, const std::int8_t* input, std::int8_t* output);
void denseFull(const Dense& d, const std::int8_t* input, std::int8_t* output);
void denseClamp(const Dense& d, const std::int8_t* input, std::int8_t* output);

// Channel by channel over a plane of int16. `inner` is the direction along which neighbours lie in
// the plane: width, or height where that is the better shape. May run in place, or with the output
// a multiple of inChannels bytes away, where there is one filter a channel.
struct Depthwise {
    std::int32_t channels, filters;        // filters = channels * depth multiplier
    std::int32_t inRows, inInner;          // the part of the image that the kernel sees
    std::int32_t inRowStep, inInnerStep;   // bytes of the image from one to the next
    std::int32_t rowsBefore, innerBefore;  // padding
    std::int32_t planeRows, pitch;         // of the plane; pitch is even
    std::int32_t outRows, outInner, outRowStep, outInnerStep;
    std::int32_t kernelRows, kernelInner, strideRows, strideInner;
    std::int32_t padding;
    const std::int8_t* weights;  // [filters][kernelRows][kernelInner]
    const std::int32_t* scales;  // [filters][2]: bias, multiplier
    const std::uint8_t* shifts;  // [filters]
    std::int32_t offset, minimum, maximum;
};
// 3x3 with stride 1, 3x3 with stride 2, anything. Scratch: 2 * planeRows * pitch, then 4 *
// (outInner
// + 1), then (anything) 4 * kernelRows * ceil(kernelInner / 2), all rounded up to 4.
void depthwise3x3Relu(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                      void* scratch);
void depthwise3x3Full(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                      void* scratch);
void depthwise3x3Clamp(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                       void* scratch);
void depthwise3x3HalfRelu(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                          void* scratch);
void depthwise3x3HalfFull(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                          void* scratch);
void depthwise3x3HalfClamp(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                           void* scratch);
void depthwiseAnyRelu(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                      void* scratch);
void depthwiseAnyFull(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                      void* scratch);
void depthwiseAnyClamp(const Depthwise& d, const std::int8_t* input, std::int8_t* output,
                       void* scratch);

// Sum of two tensors of one shape. `coarse` has the larger scale: it is exact after its shift.
// May run in place over either.
struct Add {
    std::int32_t count;
    std::int32_t constant;      // coarse offset * 2^19
    std::int32_t fineConstant;  // fine offset * 2^21
    std::int32_t fineMultiplier, fineShift, fineRound;
    std::int32_t multiplier, shift, round;
    std::int32_t minimum, maximum;
};
void addScaled(const Add& a, const std::int8_t* coarse, const std::int8_t* fine,
               std::int8_t* output);

// The mean of a whole image, one value a channel; the number of channels is a multiple of four.
struct GlobalAverage {
    std::int32_t count, channels, minimum, maximum;
};
void globalAverage(const GlobalAverage& g, const std::int8_t* input, std::int8_t* output);

// One batch, the number of channels a multiple of four, a tap of each window inside the image; of
// averages at most 255 taps: their sums and half of a divisor fit int16. Four channels are read,
// then written. May run in place where each window begins at or behind its output.
struct Pool {
    std::int32_t inHeight, inWidth, channels, outHeight, outWidth;
    std::int32_t kernelHeight, kernelWidth, strideHeight, strideWidth, padTop, padLeft;
    std::int32_t minimum, maximum;
};
void averagePool(const Pool& p, const std::int8_t* input, std::int8_t* output);
void maxPool(const Pool& p, const std::int8_t* input, std::int8_t* output);

}  // namespace tinsmith::nn::armv7em
