// Sums over the channels of a dataset that the data card and its warnings share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "handlers/dataset/dataset.hpp"

namespace tinsmith::dataset {

// Mean, population deviation and extremes of every channel, over the segments added.
class Moments {
  public:
    explicit Moments(std::size_t channels);
    void add(const Dataset& dataset, const Segment& segment);

    std::size_t channels() const { return sums_.size(); }
    std::size_t count() const { return count_; }  // rows; everything below needs one row at least
    double mean(std::size_t channel) const;
    double deviation(std::size_t channel) const;
    double minimum(std::size_t channel) const { return minima_[channel]; }
    double maximum(std::size_t channel) const { return maxima_[channel]; }

  private:
    std::size_t count_ = 0;
    std::vector<double> shift_;  // the first row: sums of differences to it keep their digits
    std::vector<double> sums_;
    std::vector<double> squares_;
    std::vector<float> minima_;
    std::vector<float> maxima_;
};

// FNV-1a over the samples' bits, a float at a time. Two windows with one fingerprint count as
// equal.
std::uint64_t fingerprint(const float* samples, std::size_t count);

// The channel on which gravity sits: exactly three channels whose mean vector is as long as 1 g
// (0.8 to 1.2 g or 7.8 to 11.8 m/s^2) with at least 0.8 of it on one channel.
std::optional<std::size_t> findGravity(const Moments& moments);

}  // namespace tinsmith::dataset
