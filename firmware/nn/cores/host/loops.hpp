// The inner loops: what GCC makes vector instructions of, and all the time that a network takes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tinsmith::nn::host {

// Lengths are rounded up to so many values, that no loop has a rest: 16 int16 fill a vector of
// AVX2.
inline constexpr std::size_t kLanes = 16;
// Filters are multiplied so many at a time.
inline constexpr std::size_t kFilters = 4;

constexpr std::size_t roundUp(std::size_t value, std::size_t step) {
    return (value + step - 1) / step * step;
}

// to[i] = from[i] + offset
void widen(const std::int8_t* from, std::int32_t offset, std::size_t count, std::int16_t* to);

// sums[row][filter] = products of rows[row] and weights[filter], each of `length` values, a
// multiple of kLanes; `filters` is a multiple of kFilters. Rows lie `rowStride` values apart.
struct Product {
    const std::int16_t* weights;
    std::size_t filters, length;
};
void multiplyRows(const Product& product, const std::int16_t* rows, std::size_t rowStride,
                  std::size_t rowCount, std::int32_t* sums);

// sums[channel] = sum over taps of weights[tap][channel] * plane[offsets[tap] + channel];
// `channels` is a multiple of kLanes. Values of the plane are -255..255.
struct Taps2d {
    const std::int16_t* weights;
    const std::ptrdiff_t* offsets;
    std::size_t taps, channels;
};
void multiplyTaps(const Taps2d& taps, const std::int16_t* plane, std::int32_t* sums);

// The taps of one pixel as a row: `lines` of `runs` of `run` values, each copied in whole lanes.
// What is left behind the end of a run, the next one writes over; behind the last one there is
// room.
struct Patch {
    std::size_t lines, runs, run;
    std::size_t lineStep, runStep;  // in the plane
};
void gather(const Patch& patch, const std::int16_t* plane, std::int16_t* row);

// How the sum of each channel becomes int8. A shift to the left and one to the right; one is 0.
struct Finish {
    const std::int32_t *biases, *multipliers, *left, *right;
    std::int32_t offset, minimum, maximum;
};
void finishRow(const Finish& finish, const std::int32_t* sums, std::size_t channels,
               std::int8_t* output);

// sums[i] += values[i]
void addTo(std::int32_t* sums, const std::int8_t* values, std::size_t count);
// most[i] = max(most[i], values[i])
void maximumTo(std::int8_t* most, const std::int8_t* values, std::size_t count);

// The requantisations of ADD, and of MUL, over operands of one shape.
struct Operand {
    std::int32_t offset, multiplier, left, right;
};
struct Pair {
    Operand first, second, result;  // result.offset is that of the output
    std::int32_t minimum, maximum;
};
void addRows(const Pair& pair, const std::int8_t* first, const std::int8_t* second,
             std::size_t count, std::int8_t* output);
void multiplyPairs(const Pair& pair, const std::int8_t* first, const std::int8_t* second,
                   std::size_t count, std::int8_t* output);

}  // namespace tinsmith::nn::host
