// What convolutions and dense layers have in common.
#pragma once

#include <vector>

#include "firmware/nn/cores/host/loops.hpp"
#include "firmware/nn/kernels.hpp"
#include "firmware/nn/prepare.hpp"

namespace tinsmith::nn::host {

// Beyond so many weights, or values of an input with its padding, a layer stays with the portable
// kernel: only files made to cost memory have such layers.
inline constexpr std::size_t kMaxWeights = std::size_t{1} << 24;
inline constexpr std::size_t kMaxPlane = std::size_t{1} << 22;

// How sums become int8, its tables owned.
class Finisher {
  public:
    explicit Finisher(const Weighted& call);
    // Sums of so many rows, which begin `stride` sums apart; returns where the output goes on.
    std::int8_t* run(const std::int32_t* sums, std::size_t stride, std::size_t rows,
                     std::int8_t* output) const;

  private:
    std::size_t channels_;
    std::size_t rowsAtOnce_;  // that many times each table holds its channels
    std::vector<std::int32_t> biases_, multipliers_, left_, right_;
    Range range_;
};

// Filters one after the other, as int16, rounded up with zeros in number and length.
class Filters {
  public:
    Filters(const std::vector<std::int8_t>& weights, std::size_t count);
    std::size_t length() const { return length_; }  // of a filter, rounded up
    std::size_t count() const { return count_; }    // rounded up
    Product product() const { return {weights_.data(), count_, length_}; }

  private:
    std::vector<std::int16_t> weights_;
    std::size_t count_, length_;
};

// Whether so many filters of so many weights are within kMaxWeights.
bool filtersFit(std::size_t count, std::size_t length);

// An image of int16 with its padding around it: no tap lies outside. Zero stands for the input's
// zero point.
struct Plane {
    std::size_t height, width, channels;  // channels of a place in the plane
    std::size_t top, left;
    std::size_t inHeight, inWidth, inChannels;
    std::int32_t inputOffset;
    std::size_t repeats = 1;  // of each channel of the image

    std::size_t count() const { return height * width * channels; }
    std::size_t at(std::size_t y, std::size_t x) const { return (y * width + x) * channels; }
    std::size_t imageBytes() const { return inHeight * inWidth * inChannels; }
};
// `channels` of a place in the plane; those beyond the image's meet weights of zero.
Plane planeOf(const Window2d& window, const Range& range, std::size_t channels);
void fill(const Plane& plane, const std::int8_t* image, std::int16_t* to);

}  // namespace tinsmith::nn::host
