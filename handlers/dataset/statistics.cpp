#include "handlers/dataset/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tinsmith::dataset {

Moments::Moments(std::size_t channels)
    : shift_(channels), sums_(channels), squares_(channels), minima_(channels), maxima_(channels) {}

void Moments::add(const Dataset& d, const Segment& s) {
    const std::size_t channels = sums_.size();
    const float* row = d.samples.data() + s.offset;
    for (std::size_t i = 0; i < s.samples; ++i, row += channels) {
        if (count_ == 0) {
            shift_.assign(row, row + channels);
            minima_.assign(row, row + channels);
            maxima_.assign(row, row + channels);
        }
        for (std::size_t c = 0; c < channels; ++c) {
            const double x = row[c] - shift_[c];
            sums_[c] += x;
            squares_[c] += x * x;
            minima_[c] = std::min(minima_[c], row[c]);
            maxima_[c] = std::max(maxima_[c], row[c]);
        }
        ++count_;
    }
}

double Moments::mean(std::size_t c) const {
    return shift_[c] + sums_[c] / static_cast<double>(count_);
}

double Moments::deviation(std::size_t c) const {
    const double n = static_cast<double>(count_);
    const double mean = sums_[c] / n;
    return std::sqrt(std::max(0.0, squares_[c] / n - mean * mean));
}

std::uint64_t fingerprint(const float* samples, std::size_t count) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, samples + i, sizeof bits);
        hash = (hash ^ bits) * 1099511628211ULL;
        hash ^= hash >> 29;
    }
    return hash;
}

std::optional<std::size_t> findGravity(const Moments& moments) {
    if (moments.channels() != 3 || moments.count() == 0) return std::nullopt;
    const double norm = std::hypot(moments.mean(0), moments.mean(1), moments.mean(2));
    if (!(norm >= 0.8 && norm <= 1.2) && !(norm >= 7.8 && norm <= 11.8)) return std::nullopt;
    for (std::size_t c = 0; c < 3; ++c) {
        if (std::abs(moments.mean(c)) >= 0.8 * norm) return c;
    }
    return std::nullopt;
}

}  // namespace tinsmith::dataset
